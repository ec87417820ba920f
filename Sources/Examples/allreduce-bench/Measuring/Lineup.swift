import AllReduce

/// The measurements to make at one size: each contender once in each kind of buffer, and the order of turns.
struct Lineup {
  /// A contender, where its elements are, and the names it was asked for by.
  struct Entry {
    let contender: Contender
    let buffers: Buffers
    var requested: [String]
  }

  private(set) var entries: [Entry] = []
  private let numbers: Philox
  private let bytes: Int

  /// Finds out what `automatic` stands for. Where that runs anyway it is not run twice.
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

  /// The order of turns in a round, as indices of entries; the same on all ranks.
  ///
  /// Each begins once in as many rounds as there are entries, and then the circle is shuffled, so
  /// that none always follows the same other.
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
