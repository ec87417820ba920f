import AllReduce
import Foundation

/// The gradients of a network of 504 parameters, reduced for long: a third of them on each of three communicators, all
/// under way at once, while ranks sleep at random.
struct GroupSoak {
  let rounds: Int
  let seed: UInt64

  /// How many elements the arrays have: mostly those of a bias or a norm, some of a small weight.
  private static let sizes = (0..<504).map { $0 % 9 == 0 ? 2304 : $0 % 3 == 0 ? 576 : 64 }

  /// Runs the rounds. Every rank of `world` must call it.
  ///
  /// - Throws: ``Fault`` where a sum is wrong.
  func run(on world: Communicator) throws {
    let groups = try (0..<3).map { _ in try world.duplicate() }
    let arrays = GroupSoak.sizes.map { UnsafeMutableBufferPointer<Float>.allocate(capacity: $0) }
    defer { arrays.forEach { $0.deallocate() } }
    // Each rank sleeps at moments of its own.
    var random = SeededNumbers(seed: seed &+ UInt64(world.rank) &* 1_000_003)
    let start = ContinuousClock.now
    for round in 1...rounds {
      var pending: [Started] = []
      for (index, array) in arrays.enumerated() {
        array.update(repeating: Float((world.rank + 1) * (index % 7 + round % 5)))
        if random.next() % 2000 == 0 { usleep(UInt32(random.next() % 3000)) }
        pending.append(Started(try groups[index * 3 / arrays.count].startAllReduce(array, .sum)))
      }
      // Waited for in a different order than started, each rank in its own.
      let first = Int(random.next() % UInt64(arrays.count))
      for place in arrays.indices {
        let index = (first + place) % arrays.count
        try pending[index].wait()
        let ranks = world.size * (world.size + 1) / 2
        let expected = Float(ranks * (index % 7 + round % 5))
        guard arrays[index].first == expected, arrays[index].last == expected else {
          throw Fault("round \(round), array \(index): \(arrays[index][0]), not \(expected)")
        }
      }
      if world.isRoot, round % 1000 == 0 || round == rounds {
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        Report.line("soak", "\(round) rounds", String(format: "%.0f s", seconds))
      }
    }
  }
}
