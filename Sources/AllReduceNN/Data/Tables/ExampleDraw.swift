/// The random division of examples into training examples and test examples.
struct ExampleDraw {
  let learned: [Int32]
  let tested: [Int32]

  /// Draws a share of the examples for the test; the others are for training.
  ///
  /// - Parameters:
  ///   - count: The number of examples.
  ///   - testShare: The share of the examples that is drawn for the test, below 1; 0 draws none.
  ///   - seed: The seed of the random draw.
  ///   - limit: The largest number of training examples; nil for no limit.
  ///   - file: The file, for messages.
  /// - Throws: ``DataError`` if there are more than `Int32.max` examples, or fewer than two to draw from.
  init(
    of count: Int, testShare: Double, seed: UInt64, limit: Int?, file: String
  ) throws(DataError) {
    guard count <= Int(Int32.max) else {
      throw DataError(
        file: file, expected: "at most \(Int32.max) examples", found: "\(count)",
        advice: "give each job a part of them")
    }
    var learned: [Int32]
    if testShare > 0 {
      let testCount = min(max(Int(Double(count) * testShare), 1), count - 1)
      guard testCount >= 1 else {
        throw DataError(
          file: file, expected: "two rows or more", found: "\(count)",
          advice: "add rows to learn from and to test on")
      }
      let order = RandomPermutation(count: count, seed: seed, stream: 0)
      learned = (testCount..<count).map { Int32(order.place(of: $0)) }
      tested = (0..<testCount).map { Int32(order.place(of: $0)) }
    } else {
      (learned, tested) = ((0..<count).map { Int32($0) }, [])
    }
    if let limit, limit < learned.count { learned.removeSubrange(limit...) }
    self.learned = learned
  }
}
