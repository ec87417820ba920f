/// A learned vector for each of a number of classes, such as words.
///
/// The input holds class numbers, from 0, stored as `Scalar`s (exact up to 2²⁴ in `Float`), in any shape. The output
/// has one more dimension, that of the vector. A class number has no gradient: if a layer before this one needs an
/// input gradient, it gets zeros. The gradient of the whole table is exchanged, including the rows that no example
/// used.
public final class Embedding<Scalar: NetworkScalar>: Layer, LayerHints {
  /// The vectors, `[classes, width]`; initially drawn from the normal distribution with standard deviation 1.
  package let weight: Parameter<Scalar>

  private let classes: Int
  private let width: Int
  private var scratch = Scratch<Scalar>()
  private var inputGradient = Scratch<Scalar>()
  private var input: Tensor<Scalar>?

  /// Creates the layer for a number of classes, with vectors of `width` elements.
  ///
  /// - Precondition: `Scalar` represents each class number exactly.
  public init(_ classes: Int, _ width: Int) {
    precondition(
      classes > 0 && width > 0 && classes <= 1 << (Scalar.significandBitCount + 1),
      "\(Scalar.self) cannot number \(classes) classes of \(width) elements")
    self.classes = classes
    self.width = width
    weight = Parameter(
      "weight", shape: [classes, width], initialization: .normal(deviation: 1), decays: true)
  }

  /// The name and sizes of the layer, such as "Embedding 10000 -> 64".
  public var summary: String { "Embedding \(classes) -> \(width)" }

  /// The table of vectors.
  public var parameters: [Parameter<Scalar>] { [weight] }

  /// True: the gradient is computed from the class numbers, not from the output.
  package var outputMayBeOverwritten: Bool { true }

  /// Returns the input's shape with one more dimension, of size `width`.
  public func outputShape(for input: Shape) -> Shape { Shape(input.sizes + [width]) }

  /// Copies the vector of each class in the input to the output.
  ///
  /// - Throws: ``DataError`` if an element is not a class number.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    let output = scratch.tensor(outputShape(for: input.shape))
    for (place, number) in input.values.enumerated() {
      guard number >= 0, number < Scalar(classes), number == number.rounded(.down) else {
        throw DataError(
          file: "the input of \(summary)", expected: "a class from 0 to \(classes - 1)",
          found: "\(number) at place \(place) of the batch",
          advice: "correct the data, or make the table larger")
      }
      (output.base + place * width).update(
        from: weight.values.base + Int(number) * width, count: width)
    }
    self.input = input
    return output
  }

  /// Adds the gradient of each output vector to the gradient of the class's vector in the table, in the order of the
  /// batch.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    guard let input, input.count * width == gradient.count else {
      preconditionFailure(
        "\(summary): backward got an output gradient of shape \(gradient.shape), which does not fit the batch of "
          + "the latest forward pass")
    }
    weight.startGradient(in: pass)
    for (place, number) in input.values.enumerated() {
      let row = weight.gradient.base + Int(number) * width
      Scalar.vectorFunctions.add(row, gradient.base + place * width, row, count: width)
    }
    try pass.finish(weight)
    guard needsInputGradient else { return nil }
    let none = inputGradient.tensor(input.shape)
    none.values.setToZero()
    return none
  }
}
