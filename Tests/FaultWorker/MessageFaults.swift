import AllReduce
import Foundation

/// Goes wrong with messages between two ranks. Every rank sends to its right neighbour.
///
/// - Returns: Whether `fault` is one of these.
func runMessageFault(_ fault: String, on world: Communicator) throws -> Bool {
  let right = (world.rank + 1) % world.size
  let left = (world.rank + world.size - 1) % world.size
  let isLast = world.rank == world.size - 1
  /// Too large to leave before it is received.
  let large = [Float](repeating: 1, count: 4_000_000)
  var small = [Int32](repeating: 0, count: 1)

  switch fault {
  case "throw-while-sending":
    if isLast {
      let sending = try world.startSend(large, to: right, tag: 1)
      if sending.isComplete { print("sent without a receive") }
      throw Mishap(exitCode: 65, description: "the data is bad")
    }
    try world.barrier()
  case "throw-while-receiving":
    if isLast {
      let receiving = try world.startReceive(Float.self, count: 5, from: left, tag: 1)
      if receiving.isComplete { print("received without a send") }
      throw Mishap(exitCode: 65, description: "the data is bad")
    }
    try world.barrier()
  case "throw-while-reducing", "throw-while-reducing-in-arena":
    let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: large.count)
    buffer.initialize(repeating: 1)
    let arena = try Arena<Float>(count: large.count, over: world)
    if isLast {
      let reducing =
        fault == "throw-while-reducing"
        ? try world.startAllReduce(buffer, .sum, using: .ring)
        : try world.startAllReduce(arena.all, .sum)
      if reducing.isComplete { print("reduced alone") }
      throw Mishap(exitCode: 65, description: "the data is bad")
    }
    // The others never come to it.
    if world.rank == 0 { sleep(60) }
    try world.barrier()
  case "let-go":
    // Neither of the two messages is ever met by its other half.
    _ = try world.startSend(large, to: right, tag: 1)
    _ = try world.startReceive(Float.self, count: 5, from: left, tag: 2)
  case "another-size":
    if world.rank == 0 {
      try world.send([Int32](repeating: 7, count: 30), to: 1, tag: 3)
      try world.send([Int32](repeating: 7, count: 100_000), to: 1, tag: 4)
      try world.send([Int32(8)], to: 1, tag: 4)
    } else if world.rank == 1 {
      for (count, tag) in [(5, 3), (50_000, 4)] {
        do {
          var values = [Int32](repeating: 0, count: count)
          try world.receive(into: &values, from: 0, tag: tag)
          print("received too long a message")
        } catch {
          print(error)
        }
      }
      var values: [Int32] = [0]
      try world.receive(into: &values, from: 0, tag: 4)
    }
  case "cycle":
    // Ranks 0 and 1 wait for each other, and all others for rank 0.
    try world.receive(into: &small, from: world.rank == 0 ? 1 : 0, tag: 5)
  case "different-calls":
    // The last rank, which receives before it sends, sends nothing and does not answer.
    let arena = try Arena<Float>(count: 10_000, over: world)
    if isLast {
      let reducing = try world.startReduce(arena.all, .sum, to: world.rank)
      sleep(60)
      try reducing.wait()
    }
    try world.barrier()
  case "tag-too-large":
    try world.send([Float(1)], to: right, tag: 1 << 40)
  case "tag-negative":
    _ = try world.startReceive(Float.self, count: 1, from: left, tag: -5)
  default:
    return false
  }
  return true
}
