#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Vector functions of `Double` numbers: plain loops that call the system's functions, for checks and small problems.
package struct DoubleVectorFunctions: VectorFunctions {
  package init() {}

  package func exponential(
    _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, count: Int
  ) {
    for index in 0..<count { y[index] = exp(x[index]) }
  }

  package func tanh(_ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, count: Int) {
    for index in 0..<count { y[index] = hyperbolicTangent(x[index]) }
  }

  package func sigmoid(_ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, count: Int) {
    for index in 0..<count { y[index] = logistic(x[index]) }
  }

  package func gelu(
    _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, count: Int, approximate: Bool
  ) {
    for index in 0..<count {
      let below = approximate ? logistic(2 * inner(x[index])) : normal(x[index])
      y[index] = x[index] == -.infinity ? -0.0 : x[index] * below
    }
  }

  package func rectify(
    _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, count: Int, slope: Double
  ) {
    for index in 0..<count {
      y[index] = x[index] < 0 ? (slope == 0 ? 0 : slope * x[index]) : x[index]
    }
  }

  package func tanhGradient(
    _ y: UnsafePointer<Double>, _ g: UnsafeMutablePointer<Double>, count: Int
  ) {
    for index in 0..<count { g[index] *= 1 - y[index] * y[index] }
  }

  package func sigmoidGradient(
    _ y: UnsafePointer<Double>, _ g: UnsafeMutablePointer<Double>, count: Int
  ) {
    for index in 0..<count { g[index] *= y[index] * (1 - y[index]) }
  }

  package func geluGradient(
    _ x: UnsafePointer<Double>, _ g: UnsafeMutablePointer<Double>, count: Int, approximate: Bool
  ) {
    for index in 0..<count {
      // Beyond 100 the derivative is 0 or 1; without the limit, infinity times zero would give NaN.
      let x = max(-100, min(x[index], 100))
      if approximate {
        let below = logistic(2 * inner(x))
        let slope = (8 / Double.pi).squareRoot() * (1 + 3 * 0.044715 * x * x)
        g[index] *= below + x * below * logistic(-2 * inner(x)) * slope
      } else {
        g[index] *= normal(x) + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot()
      }
    }
  }

  package func rectifyGradient(
    _ y: UnsafePointer<Double>, _ g: UnsafeMutablePointer<Double>, count: Int, slope: Double
  ) {
    for index in 0..<count where !(y[index] > 0) {
      g[index] = slope == 0 ? 0 : slope * g[index]
    }
  }

  package func add(
    _ x: UnsafePointer<Double>, _ z: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>,
    count: Int
  ) {
    for index in 0..<count { y[index] = x[index] + z[index] }
  }

  package func largest(_ x: UnsafePointer<Double>, count: Int) -> Double {
    var largest = -Double.infinity
    for index in 0..<count where x[index] > largest { largest = x[index] }
    return largest
  }

  package func sum(_ x: UnsafePointer<Double>, count: Int) -> Double {
    var sum = 0.0
    for index in 0..<count { sum += x[index] }
    return sum
  }

  package func exponentials(
    _ x: UnsafePointer<Double>, minus offset: Double, _ y: UnsafeMutablePointer<Double>?,
    count: Int
  ) -> Double {
    var sum = 0.0
    for index in 0..<count {
      let value = exp(x[index] - offset)
      y?[index] = value
      sum += value
    }
    return sum
  }

  package func scale(
    _ x: UnsafeMutablePointer<Double>, count: Int, by scale: Double, minus offset: Double
  ) {
    for index in 0..<count { x[index] = x[index] * scale - offset }
  }

  package func squaredDifferences(
    _ x: UnsafePointer<Double>, _ t: UnsafePointer<Double>, _ g: UnsafeMutablePointer<Double>?,
    count: Int, scale: Double
  ) -> Double {
    var sum = 0.0
    for index in 0..<count {
      let difference = x[index] - t[index]
      g?[index] = scale * difference
      sum += difference * difference
    }
    return sum
  }

  package func binaryCrossEntropy(
    _ x: UnsafePointer<Double>, _ t: UnsafePointer<Double>, _ g: UnsafeMutablePointer<Double>?,
    count: Int, scale: Double
  ) -> (loss: Double, right: Int) {
    var (loss, right) = (0.0, 0)
    for index in 0..<count {
      let (logit, target) = (x[index], t[index])
      loss += max(logit, 0) - target * logit + log1p(exp(-abs(logit)))
      right += (logit > 0) == (target > 0.5) ? 1 : 0
      g?[index] = scale * (logistic(logit) - target)
    }
    return (loss, right)
  }

  package func drop(
    _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, count: Int, mask: DropoutMask,
    example: Int, scale: Double
  ) {
    for index in 0..<count {
      y[index] = mask.keeps(index, of: example) ? x[index] * scale : 0
    }
  }

  /// Computes 1 / (1 + exp(-x)) without overflow.
  private func logistic(_ x: Double) -> Double {
    let small = exp(-abs(x))
    return (x < 0 ? small : 1) / (1 + small)
  }

  /// Returns the probability that a standard normal variable is below x.
  private func normal(_ x: Double) -> Double { erfc(-x * 0.5.squareRoot()) / 2 }

  private func inner(_ x: Double) -> Double {
    (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)
  }

  /// Calls the system's `tanh`, which the method of the same name hides.
  private func hyperbolicTangent(_ x: Double) -> Double {
    #if canImport(Glibc)
      Glibc.tanh(x)
    #else
      Darwin.tanh(x)
    #endif
  }
}
