internal import AllReduceMPI
internal import AllReduceNN

/// Sums a group's gradients approximately, by all-reduces of narrow matrices: see ``PowerSGD``.
final class PowerSGDExchange<Scalar: ReducibleScalar & BinaryFloatingPoint>: CompressedExchange {
  private let plan: CompressionPlan<Scalar>
  private let factors: [MatrixFactors]
  /// The ranges that are sent whole: elements outside of matrices, and matrices that would not get smaller.
  private let whole: [Range<Int>]
  /// P of every matrix, `[rank, rows]`, then the elements that are sent whole.
  private let columns: TensorMemory<Scalar>
  /// Q of every matrix, `[rank, columns]`: this rank's, the sum over the ranks, and the first guess of the next step.
  private let own, sum, guess: TensorMemory<Scalar>
  /// The error memory of the matrices, one after the other.
  private let memory: KeptGradient<Scalar>
  private let keptCount: Int

  init(_ plan: CompressionPlan<Scalar>, _ method: PowerSGD) {
    self.plan = plan
    var factors: [MatrixFactors] = []
    var whole: [Range<Int>] = []
    var (p, q, kept) = (0, 0, 0)
    var next = plan.buckets.first?.lowerBound ?? 0
    for matrix in plan.matrices {
      guard let columns = method.columns(for: matrix) else { continue }
      if matrix.start > next { whole.append(next..<matrix.start) }
      next = matrix.range.upperBound
      factors.append(
        MatrixFactors(
          start: matrix.start,
          sizes: .init(rows: matrix.rows, columns: matrix.columns, rank: columns), p: p, q: q,
          kept: kept))
      p += columns * matrix.rows
      q += columns * matrix.columns
      kept += matrix.range.count
    }
    let end = plan.buckets.last?.upperBound ?? next
    if next < end { whole.append(next..<end) }
    self.factors = factors
    self.whole = whole
    columns = TensorMemory(count: p + whole.reduce(0) { $0 + $1.count })
    own = TensorMemory(count: q)
    sum = TensorMemory(count: q)
    guess = TensorMemory(count: q)
    keptCount = kept
    memory = KeptGradient(plan, method, count: kept)
    // All ranks draw the same first guess.
    let random = Philox(seed: 0x9E37_79B9_7F4A_7C15)
    for index in 0..<q { guess.values[index] = Scalar(random.gaussian(at: UInt64(index))) }
  }

  /// Does nothing. `finish` does all the work, because the two sums of narrow matrices are too short to overlap.
  func start(bucket: Int) throws {}

  func finish() throws {
    guard let columns = columns.values.baseAddress else { return }
    let kernels = memory.kernels
    memory.begin(0..<keptCount)
    for factor in factors {
      kernels.project(
        memory.kept(factor.kept), adding: memory.gradient(factor.start), factor.sizes,
        at(guess, factor.q),
        to: columns + factor.p)
    }
    var place = self.columns.values.count - whole.reduce(0) { $0 + $1.count }
    for range in whole {
      (columns + place).update(from: memory.gradient(range.lowerBound), count: range.count)
      place += range.count
    }
    try plan.communicator.allReduce(self.columns.values, .sum, using: plan.algorithm)
    for range in whole.reversed() {
      place -= range.count
      memory.gradient(range.lowerBound).update(from: columns + place, count: range.count)
    }
    guard !factors.isEmpty else { return }
    for factor in factors {
      kernels.orthonormalize(
        columns + factor.p, count: factor.sizes.rows, rank: factor.sizes.rank)
      kernels.projectBack(
        memory.kept(factor.kept), factor.sizes, columns + factor.p, to: at(own, factor.q))
    }
    _ = sum.values.update(fromContentsOf: own.values)
    try plan.communicator.allReduce(sum.values, .sum, using: plan.algorithm)
    for factor in factors {
      kernels.reconstruct(
        memory.kept(factor.kept), memory.gradient(factor.start), factor.sizes, columns + factor.p,
        own: at(own, factor.q), at(sum, factor.q))
      kernels.normalize(
        at(guess, factor.q), from: at(sum, factor.q), count: factor.sizes.columns,
        rank: factor.sizes.rank)
    }
  }

  private func at(_ memory: TensorMemory<Scalar>, _ place: Int) -> UnsafeMutablePointer<Scalar> {
    memory.values.baseAddress! + place
  }
}

/// A matrix, and the offsets of its P, its Q and its error memory.
private struct MatrixFactors {
  let start: Int
  let sizes: CompressionKernels.Sizes
  let p: Int
  let q: Int
  let kept: Int
}
