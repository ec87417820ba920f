import AllReduce
import Foundation

/// Goes wrong in the way its argument names, so that tests can see what a job does then.
struct Mishap: ExitCoded, CustomStringConvertible {
  let exitCode: Int32
  let description: String
}

let fault = CommandLine.arguments.dropFirst().first ?? ""

try MPI.run { world in
  var values = [Float](repeating: 1, count: 1000)
  try world.allReduce(&values, .sum)
  let last = world.size - 1
  switch fault {
  case "throw-on-last-rank":
    if world.rank == last { throw Mishap(exitCode: 65, description: "the data is bad") }
    try world.barrier()
  case "agreed-error":
    try world.agreeing {
      if world.rank == last { throw Mishap(exitCode: 65, description: "file x, line 3: no number") }
    }
  case "hang":
    if world.rank == last { sleep(60) }
    try world.allReduce(&values, .sum, using: .ring)
  case "hang-shared":
    if world.rank == last { sleep(60) }
    try world.allReduce(&values, .sum, using: .sharedMemory)
  case "hang-barrier":
    // One whose ranks have not yet reduced in shared memory.
    let unused = try world.split(color: 0)
    if world.rank == last { sleep(60) }
    try unused.barrier()
  case "hang-shared-barrier":
    if world.rank == last { sleep(60) }
    try world.barrier()
  case "hang-native":
    if world.rank == last { sleep(60) }
    try world.allReduce(&values, .sum, using: .native)
  case "trap":
    if world.rank == last { fatalError("a programming error") }
    try world.barrier()
  case "different-counts":
    let mine = UnsafeMutableBufferPointer<Float>.allocate(capacity: 1000)
    mine.initialize(repeating: 1)
    let shorter = UnsafeMutableBufferPointer(rebasing: mine[..<(world.rank == last ? 999 : 1000)])
    try world.allReduce(shorter, .sum, using: .recursiveDoubling)
  default:
    print("unknown fault \(fault)")
  }
  if world.isRoot { print("survived") }
}
