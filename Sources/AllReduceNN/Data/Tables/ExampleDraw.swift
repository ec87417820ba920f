/// The split of examples into those for training and those for the test.
struct ExampleDraw {
  let learned: [Int32]
  let tested: [Int32]

  /// Draws a share for the test.
  ///
  /// - Parameters:
  ///   - count: The examples.
  ///   - testShare: The share, below 1; 0 draws none.
  ///   - seed: The seed of the random draw.
  ///   - limit: The most to learn from.
  ///   - file: For messages.
  /// - Throws: ``DataError`` if there are too few or too many.
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
