import AllReduce
import AllReduceMPI
import Foundation

// Uses host memory in the way that its argument names, so that tests can see it where memory is scarce or
// cannot be shared.

/// Without /proc a Swift program does not see its arguments: then the environment names the case.
let arguments = Array(CommandLine.arguments.dropFirst())
let what = arguments.first ?? ProcessInfo.processInfo.environment["MEMORY_WORKER_CASE"] ?? ""
let number = arguments.dropFirst().first.flatMap { Int($0) } ?? 1000

/// Fails unless every number is `expected`.
func check(_ values: UnsafeMutableBufferPointer<Float>, _ expected: Float, _ call: String) {
  if let wrong = values.firstIndex(where: { $0 != expected }) {
    print("WRONG: \(call) gave \(values[wrong]) for \(expected)")
  }
}

/// Sums 1 + 2 + ... over the ranks by every algorithm, in private memory and in an arena.
func sum(_ world: Communicator) throws {
  let expected = Float(world.size * (world.size + 1) / 2)
  let arena = try Arena<Float>(count: number, over: world)
  let shared = try Arena<Float>(count: number, over: world, sharing: .single)
  let own = UnsafeMutableBufferPointer<Float>.allocate(capacity: number)
  defer { own.deallocate() }
  let algorithms = ReductionAlgorithm.all.filter { $0 != .sharedMemory || world.hosts.count == 1 }
  for algorithm in algorithms {
    own.initialize(repeating: Float(world.rank + 1))
    arena.values.update(repeating: Float(world.rank + 1))
    try world.allReduce(own, .sum, using: algorithm)
    try world.allReduce(arena.all, .sum, using: algorithm)
    check(own, expected, "\(algorithm)")
    check(arena.values, expected, "\(algorithm) in an arena")
  }
  let host = try world.splitByHost()
  if host.isRoot { shared.values.update(repeating: Float(world.rank)) }
  try world.barrier()
  check(shared.values, Float(world.worldRanks[host.worldRanks[0]]), "a single arena")
  try world.barrier()
  if world.isRoot { print("sums are right on \(world.hosts)") }
}

try MPI.run { world in
  let last = world.rank == world.size - 1
  switch what {
  case "sum": try sum(world)
  case "arena":
    let arena = try Arena<Float>(count: number, over: world)
    arena.values.update(repeating: 1)
  case "other-count": _ = try Arena<Float>(count: last ? 2 * number : number, over: world)
  case "other-type":
    if last {
      _ = try Arena<Int32>(count: number, over: world)
    } else {
      _ = try Arena<Float>(count: number, over: world)
    }
  case "other-sharing":
    _ = try Arena<Float>(count: number, over: world, sharing: last ? .single : .symmetric)
  case "kill":
    let arena = try Arena<Float>(count: number, over: world)
    try world.allReduce(arena.all, .sum)
    if last { kill(getpid(), SIGKILL) }
    try world.allReduce(arena.all, .sum)
  case "background-state":
    guard arguments.count == 3 else { return print("background-state BYTES FOLDER") }
    try BackgroundState(bytes: number, folder: arguments[2]).run(on: world)
  default: print("there is no case \(what)")
  }
  if world.isRoot { print("survived") }
}
