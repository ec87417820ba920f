/// Minimises a smooth function by limited-memory BFGS, with the arithmetic done by the ranks that hold the vectors.
///
/// Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989: the direction comes of the
/// two-loop recursion over the latest steps s and changes y of the gradient.
package struct LimitedMemoryBFGS {
  /// The vectors by number.
  package enum Vector {
    package static let point = 0
    package static let gradient = 1
    package static let direction = 2
    static let oldPoint = 3
    static let oldGradient = 4
    static let first = 5
  }

  /// When it ends.
  package struct Limits {
    /// The largest number of evaluations of the function.
    package var evaluations = 200
    /// Ends when the gradient's norm is no more than this part of the first.
    package var gradient = 1e-10

    package init() {}
  }

  private let vectors: any VectorSpace
  private let history: Int
  /// The slots of the latest pairs, oldest first, with 1 / (s y) and y y.
  private var pairs: [(slot: Int, rho: Double, squares: Double)] = []
  /// The evaluations so far.
  package private(set) var evaluations = 0
  /// The steps so far.
  package private(set) var steps = 0

  /// Works on vectors.
  ///
  /// - Parameters:
  ///   - vectors: The space that holds the vectors.
  ///   - history: The pairs that are kept.
  package init(_ vectors: any VectorSpace, history: Int = 10) {
    (self.vectors, self.history) = (vectors, history)
  }

  /// Minimises a function from where the point is.
  ///
  /// - Parameters:
  ///   - limits: When to end.
  ///   - evaluate: Computes the function at the point, and its gradient.
  /// - Returns: The smallest value found.
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
        // Rounding has turned it: the gradient alone.
        pairs.removeAll()
        try findDirection()
        slope = -size * size
      }
      try vectors.copy(Vector.point, to: Vector.oldPoint)
      try vectors.copy(Vector.gradient, to: Vector.oldGradient)
      guard let new = try search(from: value, slope, size, limits, evaluate) else { break }
      value = new
      try remember()
      size = try norm(Vector.gradient)
      steps += 1
    }
    return value
  }

  private func norm(_ vector: Int) throws -> Double {
    try vectors.dot(vector, vector).squareRoot()
  }

  /// direction = -H gradient, by the two-loop recursion.
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

  /// Keeps s = point - old point and y = gradient - old gradient, in place of the oldest pair.
  package mutating func remember() throws {
    let slot =
      pairs.count < history ? Vector.first + 2 * pairs.count : pairs.removeFirst().slot
    try vectors.copy(Vector.point, to: slot)
    try vectors.add(Vector.oldPoint, times: -1, to: slot)
    try vectors.copy(Vector.gradient, to: slot + 1)
    try vectors.add(Vector.oldGradient, times: -1, to: slot + 1)
    let product = try vectors.dot(slot, slot + 1)
    let squares = try vectors.dot(slot + 1, slot + 1)
    // Without curvature a pair would turn the direction.
    guard product > 1e-14 * squares else {
      pairs.removeAll()
      return
    }
    pairs.append((slot, 1 / product, squares))
  }

  /// Goes along the direction to a smaller value with a smaller slope; nil if there is none.
  ///
  /// Each trial interpolates the slope, which is exact for quadratic functions.
  private mutating func search(
    from value: Double, _ slope: Double, _ size: Double, _ limits: Limits,
    _ evaluate: () throws -> Double
  ) throws -> Double? {
    var length = pairs.isEmpty ? min(1, 1 / size) : 1
    // The ends between which a good length lies, with their slopes.
    var (low, lowSlope, high) = (0.0, slope, Double.infinity)
    var best: Double?
    while evaluations < limits.evaluations {
      try vectors.copy(Vector.oldPoint, to: Vector.point)
      try vectors.add(Vector.direction, times: length, to: Vector.point)
      try vectors.clear(Vector.gradient)
      let new = try evaluate()
      evaluations += 1
      let newSlope = try vectors.dot(Vector.gradient, Vector.direction)
      let falls = new <= value + 1e-4 * length * slope || abs(new - value) <= 1e-12 * abs(value)
      if new.isFinite, falls { best = new }
      if new.isFinite, falls, abs(newSlope) <= 0.1 * abs(slope) { return new }
      if !new.isFinite || !falls || newSlope > 0 {
        high = length
      } else {
        (low, lowSlope) = (length, newSlope)
      }
      if high - low <= 1e-12 * high { return falls ? best : nil }
      // Where the slope would be 0, were it linear.
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
    return best
  }
}
