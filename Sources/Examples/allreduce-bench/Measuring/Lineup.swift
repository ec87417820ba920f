import AllReduce

/// The measurements at one size: each contender in each kind of buffer, and the order in which they run.
struct Lineup {
  /// A contender, the buffers in which it runs, and the names by which it was asked for.
  struct Entry {
    let contender: Contender
    let buffers: Buffers
    var requested: [String]
  }

  private(set) var entries: [Entry] = []
  private let numbers: Philox
  private let bytes: Int

  /// Creates the entries, with `automatic` replaced by the algorithm that it chooses. If that algorithm is measured
  /// anyway, it is not measured twice.
  init<Scalar: ReducibleScalar>(
    _ contenders: [Contender], _ choice: Buffers.Choice, in world: Communicator, count: Int,
    of type: Scalar.Type, wireFormat: WireFormat, seed: UInt64
  ) {
    numbers = Philox(seed: seed)
    bytes = count * MemoryLayout<Scalar>.stride
    for contender in contenders {
      for buffers in contender.buffers(choice) {
        let resolved = contender.resolved(in: world, count: count, of: type, buffers, wireFormat)
        if let index = entries.firstIndex(where: {
          $0.contender == resolved && $0.buffers == buffers
        }) {
          entries[index].requested.append(contender.name)
        } else {
          entries.append(
            Entry(contender: resolved, buffers: buffers, requested: [contender.name]))
        }
      }
    }
  }

  /// Returns the order in which the entries run in a round, as indices; the same on all ranks.
  ///
  /// With n entries, every entry comes first once in each n rounds. Then the circular order is
  /// shuffled, so that no entry always follows the same other one.
  func order(round: Int) -> [Int] {
    let count = entries.count
    let circle = round / count
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      let bits = numbers.block(at: UInt64(circle * count + last), stream: UInt64(bytes))
      order.swapAt(last, Int(bits.y % UInt32(last + 1)))
    }
    let shift = round % count
    return Array(order[shift...] + order[..<shift])
  }
}
