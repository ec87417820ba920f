#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

package import AllReduceMPI
package import AllReduceNN

/// Softmax cross-entropy of logits whose classes are sharded over ranks.
///
/// Computes the same as ``SoftmaxCrossEntropy`` of the whole logits, which are never gathered. Instead there are two
/// small all-reduces: of the largest logit of each example, and of each example's sums (of exponentials, the target's
/// logit, whether the target has the largest logit, and, for label smoothing, of the logits). These are 4 or 5 numbers
/// per example instead of one per class. All ranks get the same score. Collective.
package struct ShardedSoftmaxCrossEntropy<Scalar: NetworkScalar & ReducibleScalar>: Loss {
  /// The fraction of the target that is spread evenly over all classes, from 0 to 1.
  package let labelSmoothing: Double
  /// The number of classes, over all ranks.
  package let classes: Int
  /// The ranks over which the classes are sharded.
  package let communicator: Communicator
  /// The record of the all-reduces' bytes and seconds.
  let exchange: ExchangeRecord
  private let memory = Memory()

  private final class Memory {
    var scratch = Scratch<Scalar>()
  }

  /// Creates the loss.
  ///
  /// - Parameters:
  ///   - classes: The number of classes, over all ranks; they are sharded by ``BlockPartition``.
  ///   - communicator: The ranks over which the classes are sharded.
  ///   - labelSmoothing: The fraction of the target that is spread evenly over all classes.
  ///   - clock: Counts the seconds of the all-reduces.
  /// - Throws: ``AgreedError`` on every rank if the ranks disagree about the number of classes, or if there are more
  ///   ranks than classes.
  package init(
    classes: Int, over communicator: Communicator, labelSmoothing: Double = 0,
    _ clock: ExchangeClock = ExchangeClock()
  ) throws {
    precondition(
      labelSmoothing >= 0 && labelSmoothing <= 1,
      "label smoothing must be 0 to 1, not \(labelSmoothing)")
    try communicator.requireEqual(classes, "classes of a sharded loss")
    try communicator.agreeing {
      guard classes >= communicator.size else {
        throw PlanError(
          "\(classes) classes cannot be sharded over \(communicator.size) ranks: each needs 1 or more."
        )
      }
    }
    self.classes = classes
    self.communicator = communicator
    self.labelSmoothing = labelSmoothing
    exchange = ExchangeRecord("all-reduce", clock)
  }

  /// Creates the loss for outputs that a plan shards by features; nil if the outputs are not sharded, or if `loss` is
  /// not softmax cross-entropy. Collective over the group.
  init?(
    _ loss: any Loss<Scalar>, _ plan: ResolvedPlan<Scalar>, _ batch: GroupBatch
  ) throws {
    guard plan.end.taken == .featureSharded, let whole = loss as? SoftmaxCrossEntropy<Scalar>
    else { return nil }
    try self.init(
      classes: plan.output.count, over: batch.communicator, labelSmoothing: whole.labelSmoothing,
      batch.clock)
  }

  /// The range of classes of this rank.
  package var ownClasses: Range<Int> {
    BlockPartition(count: classes, parts: communicator.size)[communicator.rank]
  }

  /// Computes the losses and this rank's shard of the gradient of their sum. Collective.
  ///
  /// - Parameters:
  ///   - output: This rank's logits, `[batch, own classes]`.
  ///   - targets: The class of each example, among all classes; the same on all ranks.
  ///   - gradient: Memory of the shape of `output`, which may be the memory of `output`; nil if no gradient is needed.
  /// - Returns: The score of the batch, the same on all ranks.
  /// - Throws: ``DataError`` for a class that does not exist; ``MPIError``.
  package func evaluate(
    _ output: Tensor<Scalar>, _ targets: Targets<Scalar>, gradient: Tensor<Scalar>?
  ) throws -> BatchScore {
    guard case .classes(let labels) = targets else {
      preconditionFailure("softmax cross-entropy compares outputs of \(output.shape) with classes")
    }
    let own = ownClasses
    precondition(
      output.shape.rank == 2 && output.rows == labels.count && output.shape[1] == own.count,
      "the outputs must be [\(labels.count), \(own.count)], examples and this rank's classes, not \(output.shape)"
    )
    precondition(
      gradient == nil || gradient?.shape == output.shape,
      "outputs of \(output.shape) have no gradient of a different shape")
    try SoftmaxCrossEntropy<Scalar>.check(labels, below: classes)
    let rows = labels.count
    guard rows > 0 else { return BatchScore() }
    let kinds = labelSmoothing > 0 ? 4 : 3
    let numbers = memory.scratch.tensor(Shape(rows: rows, columns: 1 + kinds))
    let largest = UnsafeMutableBufferPointer(rebasing: numbers.values[..<rows])
    let sums = UnsafeMutableBufferPointer(rebasing: numbers.values[rows...])
    let functions = Scalar.vectorFunctions
    for row in 0..<rows {
      largest[row] = functions.largest(output.base + row * own.count, count: own.count)
    }
    let isTraining = gradient != nil
    try exchange.running(isTraining: isTraining) { try communicator.allReduce(largest, .maximum) }
    for row in 0..<rows {
      let logits = output.base + row * own.count
      let (label, top) = (Int(labels[row]), largest[row])
      let isHere = own.contains(label)
      // The gradient may overwrite the logits, so what is needed of the logits is read first.
      let right = isHere ? logits[label - own.lowerBound] : 0
      var rank: Scalar = isHere && right == top ? 1 : 0
      for place in 0..<max(0, min(own.count, label - own.lowerBound)) where logits[place] == top {
        rank -= 1
      }
      sums[kinds * row + 1] = isHere ? right - top : 0
      sums[kinds * row + 2] = rank
      if kinds == 4 {
        // Relative to the largest logit, so that the sum of large logits is as exact as that of small ones.
        sums[kinds * row + 3] = Scalar(
          functions.sum(logits, count: own.count) - Double(own.count) * Double(top))
      }
      sums[kinds * row] = functions.exponentials(
        logits, minus: top, gradient.map { $0.base + row * own.count }, count: own.count)
    }
    try exchange.running(isTraining: isTraining) { try communicator.allReduce(sums, .sum) }
    var score = BatchScore(examples: rows)
    let spread = labelSmoothing / Double(classes)
    for row in 0..<rows {
      let sum = sums[kinds * row]
      var loss = log(Double(sum)) - (1 - labelSmoothing) * Double(sums[kinds * row + 1])
      if kinds == 4 { loss -= spread * Double(sums[kinds * row + 3]) }
      score.loss += loss
      score.correct += sums[kinds * row + 2] == 1 ? 1 : 0
      guard let gradient else { continue }
      let slopes = gradient.base + row * own.count
      functions.scale(slopes, count: own.count, by: 1 / sum, minus: Scalar(spread))
      let label = Int(labels[row])
      if own.contains(label) { slopes[label - own.lowerBound] -= Scalar(1 - labelSmoothing) }
    }
    return score
  }
}
