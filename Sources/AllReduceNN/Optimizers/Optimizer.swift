/// Updates a range of a network's flat memory by a rule, and keeps the rule's state.
///
/// The range is all parameters, or on a rank that updates a part, that part: memory is kept for it
/// alone. It may be updated in pieces, as gradients arrive. Parameters that lie side by side and are
/// treated alike are one pass. Nothing is allocated after the creation.
///
/// Weight decay applies where ``Parameter/decays`` says so: not to biases and the scales of norms, which
/// it only harms (PyTorch's optimizers decay whatever they are given).
package final class Optimizer<Scalar: NetworkScalar> {
  /// The rule.
  package let rule: any UpdateRule
  /// The elements of the flat memory that are updated here.
  package let range: Range<Int>
  /// Whether sums of squares leave out parameters that are whole on every rank, since other ranks count these.
  package var skipsWhole = false
  package let layout: ParameterLayout<Scalar>
  /// The rule, if its step can be taken by a product that computes a gradient.
  let fused: (any FusedRule)?
  private let runs: [Run]
  private let memory: TensorMemory<Scalar>
  private let notFinite = TensorMemory<Int32>(count: 1)
  var rateFactors: [Double]

  /// Neighbouring elements that are updated alike.
  private struct Run {
    var elements: Range<Int>
    let decays: Bool
    /// In the layout, for a run that is one parameter.
    let parameter: Int
  }

  /// Prepares updates; the rule's state is zero.
  ///
  /// - Parameters:
  ///   - rule: How weights change.
  ///   - layout: Where the parameters lie.
  ///   - range: The elements of the flat memory that are updated here; nil for all parameters.
  /// - Precondition: The range is within the parameters' part of the memory.
  package init(
    _ rule: any UpdateRule, layout: ParameterLayout<Scalar>, range: Range<Int>? = nil
  ) {
    let all = layout.reserved..<layout.count
    let range = range ?? all
    precondition(
      range.lowerBound >= all.lowerBound && range.upperBound <= all.upperBound,
      "elements \(range) are not within those of the parameters, \(all)")
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
        // The gap between is updated too: its zeros stay zeros.
        runs[runs.count - 1].elements =
          runs[runs.count - 1].elements.lowerBound..<elements.upperBound
      } else {
        runs.append(Run(elements: elements, decays: decays, parameter: number))
      }
    }
    self.runs = runs
  }

  /// The optimizer's state for ``range``, by name; for checkpoints.
  package var state: [(name: String, values: UnsafeMutableBufferPointer<Scalar>)] {
    rule.stateNames.enumerated().map { number, name in
      let start = number * range.count
      return (
        name, UnsafeMutableBufferPointer(rebasing: memory.values[start..<start + range.count])
      )
    }
  }

  /// Updates a piece of the range.
  ///
  /// If the rule ``UpdateRule/usesNorms``, ``useNorms(_:gradientScale:)`` comes first in every step.
  ///
  /// - Parameters:
  ///   - piece: Elements of the flat memory.
  ///   - weights: Where the piece's weights are; changed in place.
  ///   - gradient: Where its gradients are, of the sum over the global batch.
  ///   - step: The step's settings; those that vary from parameter to parameter are filled in.
  /// - Precondition: The piece is within ``range``.
  package func update(
    _ piece: Range<Int>, weights: UnsafeMutablePointer<Scalar>, gradient: UnsafePointer<Scalar>,
    _ step: OptimizerStep
  ) {
    precondition(
      piece.lowerBound >= range.lowerBound && piece.upperBound <= range.upperBound,
      "elements \(piece) are not within those that are updated here, \(range)")
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

  /// Whether an update so far gave a weight that is NaN or infinite: by its gradient, or by too long a step.
  package var gaveNotFinite: Bool { notFinite.values[0] != 0 }

  /// A step whose passes note that.
  func noting(_ step: OptimizerStep) -> OptimizerStep {
    var step = step
    step.notFinite = UInt(bitPattern: notFinite.values.baseAddress)
    return step
  }

  /// The optimizer's state, from an element of the flat memory on.
  func vectors(from element: Int) -> StateVectors<Scalar> {
    StateVectors(
      first: memory.values.baseAddress.unsafelyUnwrapped + (element - range.lowerBound),
      distance: range.count)
  }
}
