import AllReduce

/// The pieces of the vector, which are the columns of the picture: ranges of elements that are sent together.
///
/// The pieces are the blocks if messages consist of whole blocks or whole vectors. Where messages end inside blocks,
/// the pieces are smaller.
struct Pieces {
  /// The range of elements of each piece.
  let ranges: [Range<Int>]
  /// The letter of each piece, followed by a number where a block has several pieces.
  let names: [String]

  /// The number of pieces.
  var count: Int { ranges.count }

  init(_ collective: Collective, _ transfers: [ScheduleVerifier.Transfer], count: Int, ranks: Int) {
    let blocks = BlockPartition(count: count, parts: ranks)
    let blockEnds = Set(blocks.map(\.lowerBound)).union([0, count])
    let messageEnds = Set(transfers.flatMap { [$0.range.lowerBound, $0.range.upperBound] })
      .union([0, count])
    let dealsBlocks = collective == .reduceScatter || collective == .allGather
    let ends = dealsBlocks || messageEnds.count <= 2 ? messageEnds.union(blockEnds) : messageEnds
    let sorted = ends.sorted()
    ranges = zip(sorted, sorted.dropFirst()).map { $0..<$1 }

    let isFiner = ranges.count > blockEnds.count - 1 && blockEnds.isSubset(of: ends)
    var names: [String] = []
    var (block, part) = (-1, 0)
    for range in ranges {
      if !isFiner || blockEnds.contains(range.lowerBound) { (block, part) = (block + 1, 0) }
      part += 1
      names.append(Pieces.letters(block) + (isFiner ? "\(part)" : ""))
    }
    self.names = names
  }

  /// Returns the name of the pieces that make up a range: "B", or "B–D".
  func name(of range: Range<Int>) -> String {
    guard let first = ranges.firstIndex(where: { $0.lowerBound == range.lowerBound }),
      let last = ranges.lastIndex(where: { $0.upperBound == range.upperBound })
    else { return "\(range)" }
    return first == last ? names[first] : "\(names[first])–\(names[last])"
  }

  /// Returns the letters for an index: A to Z, then AA, AB and so on.
  private static func letters(_ index: Int) -> String {
    let last = String(UnicodeScalar(UInt8(65 + index % 26)))
    return index < 26 ? last : letters(index / 26 - 1) + last
  }
}
