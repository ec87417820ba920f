/// Updates a range of a network's flat memory by a rule, and keeps the rule's state.
///
/// The range covers all parameters, or only this rank's shard where each rank updates a shard; state is allocated for
/// the range only. The range may be updated in pieces, as gradients arrive. Adjacent parameters with the same settings
/// are updated in one pass. Nothing is allocated after initialization.
///
/// Weight decay applies to the parameters whose ``Parameter/decays`` is true: not to biases and the scales of norms,
/// which it only harms (PyTorch's optimizers apply it to every parameter that they are given).
package final class Optimizer<Scalar: NetworkScalar> {
  /// The update rule.
  package let rule: any UpdateRule
  /// The elements of the flat memory that this optimizer updates.
  package let range: Range<Int>
  /// Whether sums of squares leave out the parameters that every rank has whole, since another rank counts those.
  package var skipsWhole = false
  package let layout: ParameterLayout<Scalar>
  /// The rule, if it is one of the passes of ``OptimizerKernel``; nil otherwise.
  let fused: (any FusedRule)?
  private let runs: [Run]
  private let memory: TensorMemory<Scalar>
  private let notFinite = TensorMemory<Int32>(count: 1)
  var rateFactors: [Double]

  /// Contiguous elements that are updated with the same settings.
  private struct Run {
    var elements: Range<Int>
    let decays: Bool
    /// The index of the run's first parameter in the layout; it is the run's only parameter if the rule uses norms.
    let parameter: Int
  }

  /// Creates an optimizer; the rule's state is zero.
  ///
  /// - Parameters:
  ///   - rule: The update rule.
  ///   - layout: Where the parameters are in the flat memory.
  ///   - range: The elements of the flat memory that this optimizer updates; nil for all parameters.
  /// - Precondition: The range lies within the parameters' part of the flat memory.
  package init(
    _ rule: any UpdateRule, layout: ParameterLayout<Scalar>, range: Range<Int>? = nil
  ) {
    let all = layout.reserved..<layout.count
    let range = range ?? all
    precondition(
      range.lowerBound >= all.lowerBound && range.upperBound <= all.upperBound,
      "the range of elements must be within that of the parameters, \(all), not \(range)")
    self.rule = rule
    fused = rule as? any FusedRule
    self.layout = layout
    self.range = range
    memory = TensorMemory(count: rule.vectorCount * range.count)
    rateFactors = [Double](repeating: 1, count: layout.parameters.count)
    var runs: [Run] = []
    for (number, elements) in layout.ranges.enumerated() {
      let elements = elements.clamped(to: range)
      guard !elements.isEmpty else { continue }
      let decays = layout.parameters[number].decays
      let isAlike =
        !rule.usesNorms
        && (rule.weightDecay == 0 || runs.last?.decays == decays)
      if isAlike, !runs.isEmpty {
        // The run includes the gap between two parameters: the gap's zeros stay zeros.
        runs[runs.count - 1].elements =
          runs[runs.count - 1].elements.lowerBound..<elements.upperBound
      } else {
        runs.append(Run(elements: elements, decays: decays, parameter: number))
      }
    }
    self.runs = runs
  }

  /// The rule's state vectors for ``range``, with their names; for checkpoints.
  package var state: [(name: String, values: UnsafeMutableBufferPointer<Scalar>)] {
    rule.stateNames.enumerated().map { number, name in
      let start = number * range.count
      return (
        name, UnsafeMutableBufferPointer(rebasing: memory.values[start..<start + range.count])
      )
    }
  }

  /// Updates the weights of a piece of ``range``.
  ///
  /// If the rule's ``UpdateRule/usesNorms`` is true, call ``useNorms(_:gradientScale:)`` first in every step.
  ///
  /// - Parameters:
  ///   - piece: A range of elements of the flat memory.
  ///   - weights: The weights of the piece; changed in place.
  ///   - gradient: The gradients of the piece, of the sum over the global batch.
  ///   - step: The settings of the step; the optimizer sets those that differ between parameters.
  /// - Precondition: The piece is within ``range``.
  package func update(
    _ piece: Range<Int>, weights: UnsafeMutablePointer<Scalar>, gradient: UnsafePointer<Scalar>,
    _ step: OptimizerStep
  ) {
    precondition(
      piece.lowerBound >= range.lowerBound && piece.upperBound <= range.upperBound,
      "the piece must be within the range that this optimizer updates, \(range), not \(piece)")
    var step = noting(step)
    for run in runs where run.elements.overlaps(piece) {
      let elements = run.elements.clamped(to: piece)
      step.decays = run.decays
      step.rateFactor = rateFactors[run.parameter]
      let offset = elements.lowerBound - piece.lowerBound
      rule.update(
        weights: weights + offset, gradient: gradient + offset,
        state: vectors(from: elements.lowerBound), count: elements.count, step: step)
      if fused == nil {
        let fresh = UnsafeBufferPointer(start: weights + offset, count: elements.count)
        if !fresh.allSatisfy(\.isFinite) { notFinite.values[0] = 1 }
      }
    }
  }

  /// Whether any update since the optimizer was created gave a weight that is NaN or infinite, because of its gradient
  /// or of too large a step.
  package var gaveNotFinite: Bool { notFinite.values[0] != 0 }

  /// Returns the step with the address of this optimizer's flag for weights that are NaN or infinite.
  func noting(_ step: OptimizerStep) -> OptimizerStep {
    var step = step
    step.notFinite = UInt(bitPattern: notFinite.values.baseAddress)
    return step
  }

  /// Returns the rule's state vectors, starting at an element of the flat memory.
  func vectors(from element: Int) -> StateVectors<Scalar> {
    StateVectors(
      first: memory.values.baseAddress.unsafelyUnwrapped + (element - range.lowerBound),
      distance: range.count)
  }
}
