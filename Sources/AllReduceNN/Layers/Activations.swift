/// Rectified linear unit: max(x, 0), element by element; the derivative at 0 is 0.
public final class ReLU<Scalar: NetworkScalar>: ActivationLayer<Scalar> {
  /// Creates the layer.
  public override init() {}

  /// The name of the layer, "ReLU".
  public override var summary: String { "ReLU" }

  override func apply(_ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int) {
    Scalar.vectorFunctions.rectify(x, y, count: count, slope: 0)
  }

  override func multiply(_ g: UnsafeMutablePointer<Scalar>, _ y: UnsafePointer<Scalar>, count: Int)
  {
    Scalar.vectorFunctions.rectifyGradient(y, g, count: count, slope: 0)
  }
}

/// Leaky rectified linear unit: x, or slope * x where x is negative, element by element. Maas, Hannun and Ng, 2013.
public final class LeakyReLU<Scalar: NetworkScalar>: ActivationLayer<Scalar> {
  /// The slope below 0.
  package let slope: Scalar

  /// Creates the layer.
  ///
  /// - Precondition: The slope is not negative, since `backward` takes the sign of the input from that of the output.
  public init(slope: Scalar = 0.01) {
    precondition(slope >= 0, "the slope of LeakyReLU must be 0 or more, not \(slope)")
    self.slope = slope
  }

  /// The name and slope of the layer, such as "LeakyReLU 0.01".
  public override var summary: String { "LeakyReLU \(slope)" }

  override func apply(_ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int) {
    Scalar.vectorFunctions.rectify(x, y, count: count, slope: slope)
  }

  override func multiply(_ g: UnsafeMutablePointer<Scalar>, _ y: UnsafePointer<Scalar>, count: Int)
  {
    Scalar.vectorFunctions.rectifyGradient(y, g, count: count, slope: slope)
  }
}

/// Hyperbolic tangent: tanh(x), element by element.
public final class Tanh<Scalar: NetworkScalar>: ActivationLayer<Scalar> {
  /// Creates the layer.
  public override init() {}

  /// The name of the layer, "Tanh".
  public override var summary: String { "Tanh" }

  override func apply(_ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int) {
    Scalar.vectorFunctions.tanh(x, y, count: count)
  }

  override func multiply(_ g: UnsafeMutablePointer<Scalar>, _ y: UnsafePointer<Scalar>, count: Int)
  {
    Scalar.vectorFunctions.tanhGradient(y, g, count: count)
  }
}

/// Logistic sigmoid: 1 / (1 + exp(-x)), element by element.
public final class Sigmoid<Scalar: NetworkScalar>: ActivationLayer<Scalar> {
  /// Creates the layer.
  public override init() {}

  /// The name of the layer, "Sigmoid".
  public override var summary: String { "Sigmoid" }

  override func apply(_ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int) {
    Scalar.vectorFunctions.sigmoid(x, y, count: count)
  }

  override func multiply(_ g: UnsafeMutablePointer<Scalar>, _ y: UnsafePointer<Scalar>, count: Int)
  {
    Scalar.vectorFunctions.sigmoidGradient(y, g, count: count)
  }
}
