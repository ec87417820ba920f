import AllReduce
import XCTest

/// The direction, against a recursion written down apart from it; and how portions are handed out.
final class LimitedMemoryBFGSTests: XCTestCase {
  private typealias Vector = LimitedMemoryBFGS.Vector

  /// Vectors in this process.
  private final class LocalVectors: VectorSpace {
    var vectors: [Int: [Double]] = [:]
    let count: Int
    init(count: Int) { self.count = count }

    subscript(vector: Int) -> [Double] {
      get { vectors[vector] ?? [Double](repeating: 0, count: count) }
      set { vectors[vector] = newValue }
    }

    func clear(_ vector: Int) { vectors[vector] = nil }
    func copy(_ source: Int, to target: Int) { self[target] = self[source] }
    func add(_ source: Int, times factor: Double, to target: Int) {
      self[target] = zip(self[target], self[source]).map { $0 + factor * $1 }
    }
    func scale(_ vector: Int, by factor: Double) { self[vector] = self[vector].map { factor * $0 } }
    func multiply(_ source: Int, into target: Int) {
      self[target] = zip(self[target], self[source]).map { $0 * $1 }
    }
    func dot(_ a: Int, _ b: Int) -> Double { zip(self[a], self[b]).reduce(0) { $0 + $1.0 * $1.1 } }
  }

  private func dot(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
  }

  private func plus(_ a: [Double], _ factor: Double, _ b: [Double]) -> [Double] {
    zip(a, b).map { $0 + factor * $1 }
  }

  /// The two-loop recursion: Nocedal and Wright, "Numerical optimization", algorithm 7.4.
  private func direction(_ gradient: [Double], _ s: [[Double]], _ y: [[Double]]) -> [Double] {
    var q = gradient
    var alphas: [Double] = []
    for (s, y) in zip(s, y).reversed() {
      let alpha = dot(s, q) / dot(s, y)
      q = plus(q, -alpha, y)
      alphas.append(alpha)
    }
    if let s = s.last, let y = y.last { q = q.map { $0 * dot(s, y) / dot(y, y) } }
    for ((s, y), alpha) in zip(zip(s, y), alphas.reversed()) {
      q = plus(q, alpha - dot(y, q) / dot(s, y), s)
    }
    return q.map { -$0 }
  }

  func testDirectionIsThatOfTheRecursion() throws {
    let random = Philox(seed: 4)
    let count = 7
    func draw(_ number: Int) -> [Double] {
      (0..<count).map { random.gaussian(at: UInt64(number * count + $0)) }
    }
    let vectors = LocalVectors(count: count)
    var method = LimitedMemoryBFGS(vectors, history: 3)
    var (steps, changes): ([[Double]], [[Double]]) = ([], [])
    for round in 0..<6 {
      let (old, oldGradient) = (vectors[Vector.point], vectors[Vector.gradient])
      vectors.copy(Vector.point, to: 3)
      vectors.copy(Vector.gradient, to: 4)
      vectors[Vector.point] = draw(2 * round)
      // Curvature: the gradient changes with the point.
      vectors[Vector.gradient] = plus(
        vectors[Vector.point].enumerated().map { Double($0.offset + 1) * $0.element }, 0.01,
        draw(2 * round + 1))
      if round > 0 {
        steps.append(plus(vectors[Vector.point], -1, old))
        changes.append(plus(vectors[Vector.gradient], -1, oldGradient))
        try method.remember()
      }
      try method.findDirection()
      let expected = direction(
        vectors[Vector.gradient], Array(steps.suffix(3)), Array(changes.suffix(3)))
      for (a, b) in zip(vectors[Vector.direction], expected) {
        XCTAssertEqual(a, b, accuracy: 1e-10 * max(1, abs(b)))
      }
    }
  }

  /// Rosenbrock's function of four pairs at the point, with its gradient.
  private func valley(_ vectors: LocalVectors) -> Double {
    let x = vectors[Vector.point]
    var (sum, gradient) = (0.0, [Double](repeating: 0, count: 8))
    for first in stride(from: 0, to: 8, by: 2) {
      let (a, b) = (x[first], x[first + 1])
      sum += 100 * (b - a * a) * (b - a * a) + (1 - a) * (1 - a)
      gradient[first] = -400 * a * (b - a * a) - 2 * (1 - a)
      gradient[first + 1] = 200 * (b - a * a)
    }
    vectors[Vector.gradient] = gradient
    return sum
  }

  /// Minimizes that function, and returns the value and the vectors.
  private func descend(evaluations: Int) throws -> (value: Double, vectors: LocalVectors) {
    let vectors = LocalVectors(count: 8)
    vectors[Vector.point] = (0..<8).map { $0 % 2 == 0 ? -1.2 : 1 }
    var method = LimitedMemoryBFGS(vectors)
    var limits = LimitedMemoryBFGS.Limits()
    limits.evaluations = evaluations
    return (try method.minimize(limits) { valley(vectors) }, vectors)
  }

  func testFindsTheLowestPointOfACurvedValley() throws {
    let (value, vectors) = try descend(evaluations: 300)
    XCTAssertLessThan(value, 1e-12)
    for element in vectors[Vector.point] { XCTAssertEqual(element, 1, accuracy: 1e-6) }
  }

  /// Also where the evaluations run out in the middle of a search.
  func testTheValueIsThatOfThePoint() throws {
    var last = Double.infinity
    for evaluations in 1...60 {
      let (value, vectors) = try descend(evaluations: evaluations)
      XCTAssertEqual(value, valley(vectors), "\(evaluations) evaluations")
      XCTAssertLessThanOrEqual(value, last, "\(evaluations) evaluations")
      last = value
    }
  }

  func testTheLastPortionsAreHandedOutTwiceAndCountOnce() {
    var queue = PortionQueue(count: 3)
    XCTAssertEqual(queue.next(for: 1), 0)
    XCTAssertEqual(queue.next(for: 2), 1)
    XCTAssertEqual(queue.next(for: 1), 2)
    XCTAssertTrue(queue.finish(2))
    // Worker 2 has portion 1: it gets what worker 1 has, and no third copy goes out.
    XCTAssertEqual(queue.next(for: 2), 0)
    XCTAssertNil(queue.next(for: 2))
    XCTAssertEqual(queue.next(for: 3), 1)
    XCTAssertNil(queue.next(for: 3))
    XCTAssertTrue(queue.finish(0))
    XCTAssertFalse(queue.finish(0))
    XCTAssertEqual(queue.left, 1)
    XCTAssertTrue(queue.finish(1))
    XCTAssertEqual(queue.left, 0)
    XCTAssertEqual(queue.doubled, 2)
  }
}
