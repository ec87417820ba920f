import AllReduce
import AllReduceMPI
import Foundation

/// Goes wrong in the way its argument names, so that tests can see what a job does then.
struct Mishap: ExitCoded, CustomStringConvertible {
  let exitCode: Int32
  let description: String
}

let fault = CommandLine.arguments.dropFirst().first ?? ""

if fault == "matrix" {
  guard let cell = MatrixCell(Array(CommandLine.arguments.dropFirst(2))) else {
    throw Mishap(exitCode: 64, description: "matrix STAGE ACTION RANK SECONDS FOLDER")
  }
  try cell.run()
  exit(0)
}

// What happens before there is a communicator is named "stop-PLACE RANK".
if fault.hasPrefix("stop-") {
  let rank = CommandLine.arguments.dropFirst(2).first.flatMap { Int($0) }
  try StoppedRank(place: fault, isStopped: rank == MPI.launchedRank).run()
  exit(0)
}

try MPI.run { world in
  var values = [Float](repeating: 1, count: 1000)
  try world.allReduce(&values, .sum)
  let last = world.size - 1
  switch fault {
  case "throw-on-last-rank":
    if world.rank == last { throw Mishap(exitCode: 65, description: "the data is bad") }
    try world.barrier()
  case "throw-a-large-code":
    if world.rank == last { throw Mishap(exitCode: 256, description: "the data is bad") }
    try world.barrier()
  case "agree-on-a-code":
    let code = CommandLine.arguments.dropFirst(2).first.flatMap { Int32($0) } ?? 70
    try world.agreeing { throw Mishap(exitCode: code, description: "the data is bad") }
  case "throw-beside-a-stopped-rank":
    if world.rank == 0 { kill(getpid(), SIGSTOP) }
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
  case "hang-split-by-host":
    if world.rank == last { sleep(60) }
    _ = try world.splitByHost()
  case "hang-subgroup":
    // Rank 0 has no part in the split; it computes.
    let part = try world.split(color: min(world.rank, 1))
    if world.rank == 0 || world.rank == last { sleep(60) }
    _ = try part.duplicate()
  case "compute-after-a-wait":
    for _ in 0..<100 { try world.allReduce(&values, .sum, using: .ring) }
    if world.rank == last { usleep(300_000) }
    try world.allReduce(&values, .sum, using: .ring)
    if world.rank == 0 { usleep(4_000_000) }
    try world.allReduce(&values, .sum, using: .ring)
  case "reduce-for-ever":
    while true { try world.allReduce(&values, .sum) }
  case "trap":
    if world.rank == last { fatalError("a programming error") }
    try world.barrier()
  case "different-counts":
    let mine = UnsafeMutableBufferPointer<Float>.allocate(capacity: 1000)
    mine.initialize(repeating: 1)
    let shorter = UnsafeMutableBufferPointer(rebasing: mine[..<(world.rank == last ? 999 : 1000)])
    try world.allReduce(shorter, .sum, using: .recursiveDoubling)
  default:
    let isKnown =
      try runMessageFault(fault, on: world) || runServerFault(fault, on: world)
      || runUnequalRanks(fault, on: world) || runWrongUse(fault, on: world)
    if !isKnown { print("unknown fault \(fault)") }
  }
  if world.isRoot { print("survived") }
}
