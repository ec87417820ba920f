/// A learned vector for each of a number of classes, such as words.
///
/// The input holds the numbers of classes, from 0, stored as `Scalar`s (exact up to 2²⁴ in `Float`), in any
/// shape; the output has one more dimension, the vector. There is no input gradient: it is 0 where a layer
/// before asks for one. The gradient of the whole table is exchanged, rows that no example used included.
public final class Embedding<Scalar: NetworkScalar>: Layer, LayerHints {
  /// The vectors, `[classes, width]`; normal with deviation 1 at first.
  package let weight: Parameter<Scalar>

  private let classes: Int
  private let width: Int
  private var scratch = Scratch<Scalar>()
  private var inputGradient = Scratch<Scalar>()
  private var input: Tensor<Scalar>?

  /// Creates the layer, for a number of classes and vectors of `width` elements.
  ///
  /// - Precondition: `Scalar` can represent each class's number exactly.
  public init(_ classes: Int, _ width: Int) {
    precondition(
      classes > 0 && width > 0 && classes <= 1 << (Scalar.significandBitCount + 1),
      "\(Scalar.self) cannot number \(classes) classes of \(width) elements")
    self.classes = classes
    self.width = width
    weight = Parameter(
      "weight", shape: [classes, width], initialization: .normal(deviation: 1), decays: true)
  }

  /// "Embedding 10000 -> 64".
  public var summary: String { "Embedding \(classes) -> \(width)" }

  /// The vectors.
  public var parameters: [Parameter<Scalar>] { [weight] }

  /// True: the gradient is computed from the numbers of classes.
  package var outputMayBeOverwritten: Bool { true }

  /// The input's shape with one more dimension.
  public func outputShape(for input: Shape) -> Shape { Shape(input.sizes + [width]) }

  /// Copies the vectors of the classes.
  ///
  /// - Throws: ``DataError`` if an element is not the number of a class.
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

  /// Adds the gradient of each output vector to that of the embedding vector that it is a copy of, in the order of
  /// the batch.
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
