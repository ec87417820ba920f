package import AllReduceNN

/// An update rule of which only the number of state vectors is known: enough for planning, but not for training.
package struct RememberedVectors: UpdateRule {
  private let count: Int

  package init(count: Int) { self.count = count }

  package var stateNames: [String] { (0..<count).map { "vector \($0)" } }
  package var weightDecay: Double { 0 }

  package func update<Scalar: NetworkScalar>(
    weights: UnsafeMutablePointer<Scalar>, gradient: UnsafePointer<Scalar>,
    state: StateVectors<Scalar>, count: Int, step: OptimizerStep
  ) {
    preconditionFailure("a rule that is only planned with cannot change \(count) weights")
  }
}
