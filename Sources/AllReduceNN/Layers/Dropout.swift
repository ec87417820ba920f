/// A layer that draws random numbers in its passes.
///
/// The network numbers its random layers in the order of the forward pass, so that each has its own random numbers.
package protocol RandomLayer<Scalar>: Layer {
  /// The layer's index among the network's random layers, from 0.
  var number: Int { get set }
}

/// Sets each element to 0 with a given probability, and scales the other elements so that the mean stays the same.
///
/// Srivastava et al., 2014, in the inverted form: in evaluation the input is returned unchanged. An example's mask
/// depends only on the pass's seed and step, the layer's `number` and the example's number in ``Pass/examples``, so it
/// is the same for any number of ranks (`DropoutMask`). The backward pass computes the mask again instead of storing
/// it. Takes any shape of up to 2³¹ elements per example.
public final class Dropout<Scalar: NetworkScalar>: Layer, InPlaceLayer, RandomLayer, LayerHints {
  /// The probability that an element is dropped, to the nearest 1/65536.
  package let rate: Double
  /// Whether the layer writes its output over its input.
  package var worksInPlace = false
  /// The layer's index among the network's random layers.
  package var number = 0

  /// Where the input begins within a whole example, as the index of an element. Not 0 on a process that has only some
  /// elements of each example, so that it drops the same ones as the whole layer would.
  package let firstElement: Int

  /// The number of elements, out of every 65,536, that are kept on average.
  private let kept: Int
  private var scratch = Scratch<Scalar>()
  /// One row, starting at the last element before ``firstElement`` where a mask may start.
  private var row = Scratch<Scalar>()
  /// The mask and the example numbers of the latest forward pass; nil if it dropped nothing.
  private var latest: (mask: DropoutMask, examples: [Int])?

  /// Creates the layer.
  ///
  /// - Parameters:
  ///   - rate: The probability that an element is dropped.
  ///   - firstElement: Where the input begins within a whole example: the index of an element, 0 unless examples are
  ///     sharded.
  /// - Precondition: The rate is at least 0 and less than 1.
  public init(_ rate: Double = 0.5, firstElement: Int = 0) {
    self.firstElement = firstElement
    precondition(
      rate >= 0 && rate < 1, "a dropout rate must be at least 0 and less than 1, not \(rate)")
    kept = max(1, Int((65536 * (1 - rate)).rounded()))
    self.rate = rate
  }

  /// The name and rate of the layer, such as "Dropout 0.5".
  public var summary: String { "Dropout \(rate)" }

  /// Whether the output may be overwritten: only if the input may, since in evaluation the output is the input.
  package var outputMayBeOverwritten: Bool { worksInPlace }

  /// Returns the input's shape.
  public func outputShape(for input: Shape) -> Shape { input }

  /// Drops elements in training; returns the input itself in evaluation.
  ///
  /// - Precondition: ``Pass/examples`` has one number per example, or is empty.
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

  /// Drops and scales the same elements of the gradient, in place.
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
    precondition(
      width <= 1 << 31, "a dropout mask can have at most 2^31 elements per example, not \(width)")
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
