/// A part of a network: computes an output from an input, and gradients from its output's gradient.
///
/// A layer keeps what `backward` needs from the latest `forward`, so one layer object stands at one place
/// of one network, and passes alternate. Batches are tensors whose first dimension is the examples;
/// everything else of a shape is one example's. Results are valid until the layer's next pass.
///
/// To write a network of one's own, conform a class that holds other layers: pass its `parameters` and
/// `buffers` on, and call its parts' `forward`, and `backward` in the reverse order.
public protocol Layer<Scalar>: AnyObject {
  associatedtype Scalar: NetworkScalar

  /// A short description: "Dense 784 -> 512".
  var summary: String { get }

  /// The learned parameters, in the order of the forward pass.
  var parameters: [Parameter<Scalar>] { get }

  /// Other state kept between steps, such as running averages, by name.
  var buffers: [(name: String, tensor: Tensor<Scalar>)] { get }

  /// The layers that this one is made of, with the names their parameters get, such as "0" or "shortcut".
  var children: [(name: String, layer: any Layer<Scalar>)] { get }

  /// The shape of an example's output for an example's input.
  ///
  /// - Throws: ``ShapeError`` that names the layer and both shapes, if such an input does not fit.
  func outputShape(for input: Shape) throws -> Shape

  /// Computes the output of a batch.
  ///
  /// - Parameters:
  ///   - input: `[batch, ...]`; kept as it is until `backward`, unless the layer works in place.
  ///   - pass: The settings and buffers that all layers share in this pass.
  /// - Returns: `[batch, ...]`.
  /// - Throws: The errors of exchanges between ranks, in layers that have some.
  func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar>

  /// Computes the gradients of the parameters, then that of the input of the latest `forward`.
  ///
  /// The weight gradient comes first, and ``Pass/finish(_:)`` is called once for each parameter before the
  /// input gradient is computed, so that its exchange can start. Gradients are of the sum over the batch,
  /// which may have no rows.
  ///
  /// Where ``Pass/accumulatesGradients`` is false, every element of a parameter's gradient is set: what is
  /// there is left over from another step. Where it is true, the batch is a further part of one that is
  /// computed in parts, or an empty one, and its gradient is added to what is there. A layer that does
  /// otherwise learns from wrong gradients, and nothing says so. ``Parameter/startGradient(in:)`` makes both
  /// cases one: after it, a layer adds. The input's gradient belongs to this batch alone: it is always set.
  ///
  /// - Parameters:
  ///   - gradient: The gradient of the output, `[batch, ...]`; the layer may overwrite it.
  ///   - pass: The settings and buffers that all layers share in this pass.
  ///   - needsInputGradient: False for what the data feeds.
  /// - Returns: The gradient of the input; nil if it is not needed.
  /// - Throws: The errors of exchanges between ranks, in layers that have some.
  func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>?
}

extension Layer {
  /// Empty: nothing is learned.
  public var parameters: [Parameter<Scalar>] { [] }
  /// Empty: nothing else is kept.
  public var buffers: [(name: String, tensor: Tensor<Scalar>)] { [] }
  /// Empty: the layer is made of no others.
  public var children: [(name: String, layer: any Layer<Scalar>)] { [] }
}
