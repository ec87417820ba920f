/// A layer that draws random numbers in its passes. The network numbers such layers in the order of the
/// forward pass, so that each has numbers of its own.
package protocol RandomLayer<Scalar>: Layer {
  /// The place among the network's random layers, from 0.
  var number: Int { get set }
}

/// Sets each element to 0 with a probability, and scales the others so that the mean stays.
///
/// Srivastava et al., 2014, in the inverted form: in evaluation the input passes unchanged. The mask of an
/// example depends on the pass's seed and step, the layer's `number` and the example's number in
/// ``Pass/examples`` only, so it is the same on any number of ranks (`DropoutMask`). It is computed again
/// in the backward pass rather than kept. Any shape, up to 2³¹ elements an example.
public final class Dropout<Scalar: NetworkScalar>: Layer, InPlaceLayer, RandomLayer, LayerHints {
  /// The probability that an element is dropped, to the nearest 1/65536.
  package let rate: Double
  /// Whether the output takes the input's place.
  package var worksInPlace = false
  /// The place among the network's random layers.
  package var number = 0

  /// Where in an example the input's first element stands: not 0 on a process that has only some elements
  /// of each example, and drops those that the whole layer would.
  package let firstElement: Int

  /// How many of 65,536 elements are kept.
  private let kept: Int
  private var scratch = Scratch<Scalar>()
  /// A row from the last place before ``firstElement`` where a mask may start.
  private var row = Scratch<Scalar>()
  /// The mask and the examples of the latest forward pass; nil if nothing was dropped.
  private var latest: (mask: DropoutMask, examples: [Int])?

  /// Creates the layer.
  ///
  /// - Parameters:
  ///   - rate: The probability that an element is dropped.
  ///   - firstElement: The index in an example of the input's first element.
  /// - Precondition: The rate is at least 0 and less than 1.
  public init(_ rate: Double = 0.5, firstElement: Int = 0) {
    self.firstElement = firstElement
    precondition(
      rate >= 0 && rate < 1, "a dropout rate must be at least 0 and less than 1, not \(rate)")
    kept = max(1, Int((65536 * (1 - rate)).rounded()))
    self.rate = rate
  }

  /// "Dropout 0.5".
  public var summary: String { "Dropout \(rate)" }

  /// If the input may be: in evaluation that is the output.
  package var outputMayBeOverwritten: Bool { worksInPlace }

  /// The input's shape.
  public func outputShape(for input: Shape) -> Shape { input }

  /// Drops elements in training; gives the input back in evaluation.
  ///
  /// - Precondition: The pass has a number for each example, or none.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) -> Tensor<Scalar> {
    latest = nil
    guard pass.isTraining, kept < 65536 else { return input }
    precondition(
      pass.examples.isEmpty || pass.examples.count == input.rows,
      "a batch of \(input.shape) has no \(pass.examples.count) example numbers")
    let mask = DropoutMask(
      seed: pass.seed, layer: number, step: pass.step, kept: kept,
      firstElement: firstElement - firstElement % DropoutMask.step)
    latest = (mask, pass.examples)
    let output = worksInPlace ? input : scratch.tensor(input.shape)
    apply(mask, pass.examples, input, output)
    return output
  }

  /// Drops the same elements of the gradient, in place.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) -> Tensor<Scalar>? {
    guard needsInputGradient else { return nil }
    if let latest { apply(latest.mask, latest.examples, gradient, gradient) }
    return gradient
  }

  private func apply(
    _ mask: DropoutMask, _ examples: [Int], _ input: Tensor<Scalar>, _ output: Tensor<Scalar>
  ) {
    guard input.count > 0 else { return }
    let (width, scale) = (input.count / input.rows, Scalar(65536 / Double(kept)))
    precondition(width <= 1 << 31, "dropout masks have up to 2^31 elements, not \(width)")
    let before = firstElement % DropoutMask.step
    for index in 0..<input.rows {
      let example = examples.isEmpty ? index : examples[index]
      let (from, to) = (input.base + index * width, output.base + index * width)
      if before == 0 {
        Scalar.vectorFunctions.drop(
          from, to, count: width, mask: mask, example: example, scale: scale)
      } else {
        let row = row.tensor([before + width])
        (row.base + before).update(from: from, count: width)
        Scalar.vectorFunctions.drop(
          row.base, row.base, count: row.count, mask: mask, example: example, scale: scale)
        to.update(from: row.base + before, count: width)
      }
    }
  }
}
