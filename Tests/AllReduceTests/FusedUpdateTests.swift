import AllReduce
import AllReduceMPI
import AllReduceNN
import TestSupport
import XCTest

/// Ranks as threads that train one copy of the weights, so that the thread sanitizer sees them.
final class FusedUpdateTests: XCTestCase {
  // No rank changes it.
  nonisolated(unsafe) private static let layout = ParameterLayout<Float>(
    [70, 4096, 5, 9000, 33].enumerated().map { number, size in
      Parameter("\(number)", shape: [size], initialization: .constant(0), decays: number != 2)
    }, reserved: 16)
  private static let steps = 5

  /// The gradient of a rank in a step depends on the weights, as that of a backward pass does.
  private static func gradient(
    _ weights: UnsafePointer<Float>, rank: Int, index: Int
  ) -> Float {
    weights[index] * Float(rank + 1) + Float((index * 7 + rank) % 13)
  }

  private static func step(_ number: Int, _ ranks: Int) -> OptimizerStep {
    OptimizerStep(number: number, learningRate: 0.01, gradientScale: 1 / Double(ranks))
  }

  /// What one thread finds, adding up along the same tree.
  private func expected(
    _ optimizer: any UpdateRule, ranks: Int, isMeasured: Bool
  ) -> [Float] {
    let layout = FusedUpdateTests.layout
    let (weights, gradient) = (
      TensorMemory<Float>(count: layout.count), TensorMemory<Float>(count: layout.count)
    )
    let update = Optimizer(optimizer, layout: layout)
    func sum(_ ranks: Range<Int>, _ index: Int) -> Float {
      if ranks.count == 1 {
        return FusedUpdateTests.gradient(
          weights.values.baseAddress!, rank: ranks.lowerBound, index: index)
      }
      var half = 1
      while 2 * half < ranks.count { half *= 2 }
      let middle = ranks.lowerBound + half
      return sum(ranks.lowerBound..<middle, index) + sum(middle..<ranks.upperBound, index)
    }
    for number in 1...FusedUpdateTests.steps {
      for index in update.range { gradient.values[index] = sum(0..<ranks, index) }
      let step = FusedUpdateTests.step(number, ranks)
      let (w, g) = (
        weights.values.baseAddress! + update.range.lowerBound,
        gradient.values.baseAddress! + update.range.lowerBound
      )
      if isMeasured, optimizer.usesNorms {
        let squares = TensorMemory<Double>(count: update.squareCount)
        update.addSquares(of: update.range, weights: w, gradient: g, to: squares.values)
        update.useNorms(UnsafeBufferPointer(squares.values), gradientScale: step.gradientScale)
      }
      update.update(update.range, weights: w, gradient: g, step)
    }
    return Array(weights.values)
  }

  private func check(
    _ optimizer: any UpdateRule, ranks: Int, isMeasured: Bool, copies: Bool
  ) {
    let count = FusedUpdateTests.layout.count
    let weights = (0..<(copies ? ranks : 1)).map { _ in TensorMemory<Float>(count: count) }
    let addresses = weights.map { UInt(bitPattern: $0.values.baseAddress) }
    let errors = ThreadHost.run(size: ranks, bytes: 4 * count) { member in
      let layout = FusedUpdateTests.layout
      let rank = member.rank
      let gradients = (0..<ranks).map { member.parts[$0].assumingMemoryBound(to: Float.self) }
      let order = copies ? [rank] + (0..<ranks).filter { $0 != rank } : [0]
      let targets = order.map { UnsafeMutablePointer<Float>(bitPattern: addresses[$0])! }
      let perRank = (layout.count - layout.reserved) / 16
      let cut = { layout.reserved + 16 * ($0 * perRank / ranks) }
      let update = Optimizer(
        optimizer, layout: layout,
        range: cut(rank)..<(rank + 1 == ranks ? layout.count : cut(rank + 1)))
      let pass = FusedUpdate(
        gradients: gradients, own: gradients[rank], weights: targets, update: update,
        othersRead: ranks > 1)
      // As small all-reduces of a host: also what makes memory visible.
      let small = TensorMemory<Double>(count: update.squareCount)
      func allReduce() throws {
        try member.exchange(small.values.baseAddress!, count: small.values.count, .double)
      }
      for number in 1...FusedUpdateTests.steps {
        for index in layout.reserved..<layout.count {
          gradients[rank][index] = FusedUpdateTests.gradient(targets[0], rank: rank, index: index)
        }
        try allReduce()
        let step = FusedUpdateTests.step(number, ranks)
        if isMeasured {
          small.values.update(repeating: 0)
          pass.measure(small.values)
          try allReduce()
          if optimizer.usesNorms {
            update.useNorms(UnsafeBufferPointer(small.values), gradientScale: step.gradientScale)
          }
          pass.finish(step)
        } else {
          pass.run(step)
        }
        try allReduce()
      }
    }
    XCTAssertTrue(errors.isEmpty, "\(errors)")
    let wanted = expected(optimizer, ranks: ranks, isMeasured: isMeasured)
    XCTAssertTrue(wanted.contains { $0 != 0 })
    for found in weights {
      for (index, value) in wanted.enumerated() where found.values[index] != value {
        // Norms are added up in a different order by parts.
        XCTAssertEqual(
          found.values[index], value, accuracy: optimizer.usesNorms ? 1e-5 * abs(value) : 0,
          "\(optimizer) on \(ranks) ranks, element \(index)")
        if !optimizer.usesNorms { return }
      }
    }
  }

  func testOnePassUpdatesTheOneCopyAsOneThreadDoes() {
    for ranks in 1...6 {
      check(Momentum(weightDecay: 0.1), ranks: ranks, isMeasured: false, copies: false)
      check(Adam(), ranks: ranks, isMeasured: false, copies: false)
    }
  }

  func testCopiesAreAllWritten() {
    for ranks in [1, 2, 3, 5] {
      check(Momentum(nesterov: true), ranks: ranks, isMeasured: false, copies: true)
    }
  }

  func testTwoPassesGiveTheBitsOfOne() {
    for ranks in 1...5 {
      check(Adagrad(weightDecay: 0.1), ranks: ranks, isMeasured: true, copies: ranks % 2 == 0)
    }
  }

  func testNormsAreThoseOfWholeParameters() {
    for ranks in 1...4 {
      check(LARS(weightDecay: 0.1), ranks: ranks, isMeasured: true, copies: false)
    }
  }
}
