/// The sum of a body's output and its input: y = body(x) + x, or body(x) + shortcut(x).
///
/// He, Zhang, Ren and Sun, "Deep residual learning", 2015. Where the body changes the shape, the shortcut is a layer
/// too, such as a 1 x 1 convolution with the body's stride. The backward pass computes the gradients of the shortcut,
/// then those of the body, and their parameters lie in memory in this order. It copies the output gradient once.
public final class Residual<Scalar: NetworkScalar>: Layer, LayerHints {
  /// The layer whose output is added to that of the shortcut.
  package let body: any Layer<Scalar>
  /// The layer of the shortcut; nil if the input itself is added.
  package let shortcut: (any Layer<Scalar>)?

  private var scratch = Scratch<Scalar>()
  private var copy = Scratch<Scalar>()

  /// Creates the sum of a body and a shortcut; without a shortcut, the input itself is added.
  public init(_ body: any Layer<Scalar>, shortcut: (any Layer<Scalar>)? = nil) {
    self.body = body
    self.shortcut = shortcut
  }

  /// The summaries of the body and, after "beside", of the shortcut if there is one: "Residual (Dense 8 -> 8, ReLU)".
  public var summary: String {
    "Residual (\(body.summary)" + (shortcut.map { " beside \($0.summary)" } ?? "") + ")"
  }

  /// The body, named "body", and the shortcut, if there is one, named "shortcut".
  public var children: [(name: String, layer: any Layer<Scalar>)] {
    [("body", body)] + (shortcut.map { [("shortcut", $0)] } ?? [])
  }

  /// True: the output is in this layer's own memory, and no gradient is computed from it.
  package var outputMayBeOverwritten: Bool { true }

  /// Returns the body's output shape.
  ///
  /// - Throws: ``ShapeError`` if the shortcut's output has a different shape.
  public func outputShape(for input: Shape) throws -> Shape {
    let output = try body.outputShape(for: input)
    let beside = try shortcut?.outputShape(for: input) ?? input
    guard output == beside else {
      throw ShapeError(
        "\(summary) cannot add the body's output of \(output) and the shortcut's of \(beside)")
    }
    return output
  }

  /// Adds the outputs of the body and of the shortcut.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    let through = try body.forward(input, pass)
    let beside = try shortcut?.forward(input, pass) ?? input
    let output = scratch.tensor(through.shape)
    if output.count > 0 {
      Scalar.vectorFunctions.add(through.base, beside.base, output.base, count: output.count)
    }
    return output
  }

  /// Computes the gradients of the shortcut's parameters, then those of the body's, and the input's gradient as the sum
  /// of both.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    // Body and shortcut both need the gradient, and each may overwrite its copy.
    let copy = copy.tensor(gradient.shape)
    _ = copy.values.update(fromContentsOf: gradient.values)
    let beside =
      try shortcut?.backward(gradient, pass, needsInputGradient: needsInputGradient) ?? gradient
    let through = try body.backward(copy, pass, needsInputGradient: needsInputGradient)
    guard needsInputGradient, let through else { return nil }
    if through.count > 0 {
      Scalar.vectorFunctions.add(through.base, beside.base, through.base, count: through.count)
    }
    return through
  }
}
