import AllReduce
import AllReduceMPI
import CMPI

// A program that has begun MPI itself, and uses the library in between.

/// The sum of the ranks' numbers, by MPI alone: what the program does with its communicators still works.
func sumByMPI(_ value: Int32, over communicator: MPI_Comm) -> Int32 {
  var (value, sum) = (value, Int32(0))
  MPI_Allreduce(&value, &sum, 1, cmpi_int32(), cmpi_sum(), communicator)
  return sum
}

func fail(_ words: String) -> Never {
  print("wrong: \(words)")
  MPI_Abort(cmpi_comm_world(), 1)
  fatalError()
}

MPI_Init(nil, nil)
let world: MPI_Comm = cmpi_comm_world()
var (rank, size) = (Int32(0), Int32(0))
MPI_Comm_rank(world, &rank)
MPI_Comm_size(world, &size)
// Even and odd ranks, in reverse order.
var half: MPI_Comm?
MPI_Comm_split(world, rank % 2, -rank, &half)
var handlerBefore: MPI_Errhandler?
MPI_Comm_get_errhandler(world, &handlerBefore)

// Twice: what the first run took has been given back.
for _ in 0..<2 {
  try MPI.run { world in
    guard world.size == Int(size), world.rank == Int(rank) else { fail("ranks of the world") }
    var values = [Float](repeating: Float(rank + 1), count: 1000)
    try world.allReduce(&values, .sum)
    guard values[999] == Float(size * (size + 1) / 2) else { fail("sum \(values[999])") }
    let own = try Communicator(duplicating: half!)
    var members = [Int32(1)]
    try own.allReduce(&members, .sum)
    guard members[0] == Int32(own.size) else { fail("members \(members[0])") }
    guard own.worldRanks[own.rank] == Int(rank), own.worldRanks == own.worldRanks.sorted(by: >)
    else {
      fail("ranks of the half: \(own.worldRanks)")
    }
  }
}

// A job of the even ranks alone, while the odd ones do something else.
if rank % 2 == 0 {
  try MPI.run(over: half) { part in
    guard part.size == Int(size + 1) / 2 else { fail("size of the part: \(part.size)") }
    var values: [Int32] = [1]
    try part.allReduce(&values, .sum)
    guard values[0] == Int32(part.size) else { fail("sum over the part") }
    _ = try part.splitByHost()
  }
}

var handlerAfter: MPI_Errhandler?
MPI_Comm_get_errhandler(world, &handlerAfter)
guard handlerBefore == handlerAfter else { fail("another error handler") }
guard sumByMPI(1, over: world) == size else { fail("MPI's own sum") }
guard sumByMPI(1, over: half!) == (size + (rank + 1) % 2) / 2 else { fail("MPI's sum over a half") }
MPI_Errhandler_free(&handlerBefore)
MPI_Errhandler_free(&handlerAfter)
MPI_Comm_free(&half)
MPI_Finalize()
if rank == 0 { print("\(size) ranks attached") }
