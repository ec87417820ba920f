/// Minimizes a smooth function by limited-memory BFGS; the ranks that hold the vectors do the arithmetic.
///
/// Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989: the search direction is
/// computed by the two-loop recursion over the latest steps s and changes y of the gradient.
package struct LimitedMemoryBFGS {
  /// The numbers of the vectors in the ``VectorSpace``.
  package enum Vector {
    package static let point = 0
    package static let gradient = 1
    package static let direction = 2
    static let oldPoint = 3
    static let oldGradient = 4
    static let first = 5
  }

  /// The conditions that end a minimization.
  package struct Limits {
    /// The largest number of evaluations of the function.
    package var evaluations = 200
    /// The minimization ends when the norm of the gradient is at most this fraction of its first norm.
    package var gradient = 1e-10

    package init() {}
  }

  private let vectors: any VectorSpace
  private let history: Int
  /// The slots of the latest pairs (s, y), oldest first, each with 1 / (s · y) and y · y.
  private var pairs: [(slot: Int, rho: Double, squares: Double)] = []
  /// The number of evaluations of the function so far.
  package private(set) var evaluations = 0
  /// The number of steps so far.
  package private(set) var steps = 0

  /// Creates the method for vectors in a space.
  ///
  /// - Parameters:
  ///   - vectors: The space that holds the vectors.
  ///   - history: The number of latest pairs (s, y) that are kept.
  package init(_ vectors: any VectorSpace, history: Int = 10) {
    (self.vectors, self.history) = (vectors, history)
  }

  /// Minimizes a function, starting at the present point.
  ///
  /// - Parameters:
  ///   - limits: The conditions that end the minimization.
  ///   - evaluate: Computes the function and its gradient at the point, and returns the function's value.
  /// - Returns: The value at the point where it ends: the point that the last search accepted or, if it accepted none,
  ///   the best of its trials and its start.
  /// - Throws: The errors of `evaluate` and of the vectors.
  package mutating func minimize(
    _ limits: Limits, _ evaluate: () throws -> Double
  ) throws -> Double {
    var value = try evaluate()
    evaluations = 1
    let first = try norm(Vector.gradient)
    var size = first
    while evaluations < limits.evaluations, size > limits.gradient * max(first, 1e-300) {
      try findDirection()
      var slope = try vectors.dot(Vector.gradient, Vector.direction)
      if slope >= 0 {
        // Because of rounding this is not a descent direction: use the gradient alone.
        pairs.removeAll()
        try findDirection()
        slope = -size * size
      }
      try vectors.copy(Vector.point, to: Vector.oldPoint)
      try vectors.copy(Vector.gradient, to: Vector.oldGradient)
      let found = try search(from: value, slope, size, limits, evaluate)
      value = found.value
      guard found.isAccepted else { break }
      try remember()
      size = try norm(Vector.gradient)
      steps += 1
    }
    return value
  }

  private func norm(_ vector: Int) throws -> Double {
    try vectors.dot(vector, vector).squareRoot()
  }

  /// Computes direction = -H * gradient by the two-loop recursion; H approximates the inverse Hessian.
  package func findDirection() throws {
    let d = Vector.direction
    try vectors.copy(Vector.gradient, to: d)
    var factors = [Double](repeating: 0, count: pairs.count)
    for (index, pair) in pairs.enumerated().reversed() {
      factors[index] = pair.rho * (try vectors.dot(pair.slot, d))
      try vectors.add(pair.slot + 1, times: -factors[index], to: d)
    }
    if let last = pairs.last { try vectors.scale(d, by: 1 / (last.rho * last.squares)) }
    for (index, pair) in pairs.enumerated() {
      let factor = pair.rho * (try vectors.dot(pair.slot + 1, d))
      try vectors.add(pair.slot, times: factors[index] - factor, to: d)
    }
    try vectors.scale(d, by: -1)
  }

  /// Stores s = point - old point and y = gradient - old gradient as the latest pair, in place of the oldest pair if
  /// the history is full.
  package mutating func remember() throws {
    let slot =
      pairs.count < history ? Vector.first + 2 * pairs.count : pairs.removeFirst().slot
    try vectors.copy(Vector.point, to: slot)
    try vectors.add(Vector.oldPoint, times: -1, to: slot)
    try vectors.copy(Vector.gradient, to: slot + 1)
    try vectors.add(Vector.oldGradient, times: -1, to: slot + 1)
    let product = try vectors.dot(slot, slot + 1)
    let squares = try vectors.dot(slot + 1, slot + 1)
    // A pair without positive curvature could make the direction one of ascent.
    guard product > 1e-14 * squares else {
      pairs.removeAll()
      return
    }
    pairs.append((slot, 1 / product, squares))
  }

  /// Searches along the direction for a point with a smaller value and a smaller slope.
  ///
  /// Each trial interpolates the slope linearly, which is exact for quadratic functions.
  ///
  /// - Returns: The value at the point where the search ends, and whether value and slope are small enough. If not, the
  ///   point is the best trial or, where no trial was better, the old point, and the gradient is that of another point.
  private mutating func search(
    from value: Double, _ slope: Double, _ size: Double, _ limits: Limits,
    _ evaluate: () throws -> Double
  ) throws -> (value: Double, isAccepted: Bool) {
    var length = pairs.isEmpty ? min(1, 1 / size) : 1
    var best = (value: value, length: 0.0)
    // The interval in which a good step length lies, with the slope at its lower end.
    var (low, lowSlope, high) = (0.0, slope, Double.infinity)
    while evaluations < limits.evaluations {
      try move(to: length)
      try vectors.clear(Vector.gradient)
      let new = try evaluate()
      evaluations += 1
      let newSlope = try vectors.dot(Vector.gradient, Vector.direction)
      let falls = new <= value + 1e-4 * length * slope || abs(new - value) <= 1e-12 * abs(value)
      if new.isFinite, falls, abs(newSlope) <= 0.1 * abs(slope) { return (new, true) }
      if new < best.value { best = (new, length) }
      if !new.isFinite || !falls || newSlope > 0 {
        high = length
      } else {
        (low, lowSlope) = (length, newSlope)
      }
      if high - low <= 1e-12 * high {
        if new.isFinite, falls { return (new, true) }
        break
      }
      // The length at which the slope would be 0 if it were linear.
      let root =
        newSlope.isFinite && newSlope != lowSlope && length != low
        ? low - lowSlope * (length - low) / (newSlope - lowSlope)
        : newSlope.isFinite && newSlope != slope ? length * slope / (slope - newSlope) : .nan
      if root.isFinite, root > low, root < high {
        length = min(root, 10 * length)
      } else {
        length = high.isFinite ? (low + high) / 2 : 2 * length
      }
    }
    try move(to: best.length)
    return (best.value, false)
  }

  /// Sets point = old point + length * direction.
  private func move(to length: Double) throws {
    try vectors.copy(Vector.oldPoint, to: Vector.point)
    try vectors.add(Vector.direction, times: length, to: Vector.point)
  }
}
