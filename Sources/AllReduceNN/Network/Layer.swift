/// A part of a network: computes an output from an input, and gradients from the output's gradient.
///
/// A layer keeps what `backward` needs from the latest `forward`, so one layer object can be used at only one place of
/// one network, and each `backward` belongs to the latest `forward`. Batches are tensors whose first dimension counts
/// the examples; the other dimensions are the shape of one example. Results are valid until the layer's next pass.
///
/// To write your own network, conform a class that holds other layers: return their `parameters` and `buffers`, call
/// their `forward` in order, and their `backward` in the reverse order.
public protocol Layer<Scalar>: AnyObject {
  associatedtype Scalar: NetworkScalar

  /// A short description, such as "Dense 784 -> 512".
  var summary: String { get }

  /// The learned parameters, in the order of the forward pass.
  var parameters: [Parameter<Scalar>] { get }

  /// Tensors other than parameters that are kept between steps, such as running averages, with their names.
  var buffers: [(name: String, tensor: Tensor<Scalar>)] { get }

  /// The layers that this layer contains, each with the name that prefixes its parameters' names, such as "0" or
  /// "shortcut".
  var children: [(name: String, layer: any Layer<Scalar>)] { get }

  /// Returns the shape of one example's output for the shape of its input.
  ///
  /// - Throws: A ``ShapeError`` that names the layer and both shapes, if the layer does not accept this input.
  func outputShape(for input: Shape) throws -> Shape

  /// Computes the output of a batch.
  ///
  /// - Parameters:
  ///   - input: `[batch, ...]`; not modified before `backward`, unless the layer works in place.
  ///   - pass: The settings and buffers that all layers share in this pass.
  /// - Returns: The output, `[batch, ...]`.
  /// - Throws: The errors of exchanges between ranks, in layers that exchange data.
  func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar>

  /// Computes the gradients of the parameters, then the gradient of the input of the latest `forward`.
  ///
  /// The parameters' gradients come first: the layer calls ``Pass/finish(_:)`` once for each parameter before it
  /// computes the input gradient, so that the exchange of the parameter's gradient can start. Gradients are those of
  /// the sum over the batch, which may have no rows.
  ///
  /// If ``Pass/accumulatesGradients`` is false, the layer must set every element of each parameter's gradient: the old
  /// elements are left over from another step. If it is true, this batch is a further (perhaps empty) part of a batch
  /// that is computed in parts, and the layer must add its gradient to the old elements. A layer that does otherwise
  /// silently learns from wrong gradients. ``Parameter/startGradient(in:)`` covers both cases: after it, a layer always
  /// adds. The input's gradient is that of this batch alone, so it is always set.
  ///
  /// - Parameters:
  ///   - gradient: The gradient of the output, `[batch, ...]`; the layer may overwrite it.
  ///   - pass: The settings and buffers that all layers share in this pass.
  ///   - needsInputGradient: Whether the caller needs the input's gradient; false if the input is the data itself.
  /// - Returns: The gradient of the input; nil if it is not needed.
  /// - Throws: The errors of exchanges between ranks, in layers that exchange data.
  func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>?
}

extension Layer {
  /// By default empty: the layer has no parameters.
  public var parameters: [Parameter<Scalar>] { [] }
  /// By default empty: the layer keeps no tensors between steps except its parameters.
  public var buffers: [(name: String, tensor: Tensor<Scalar>)] { [] }
  /// By default empty: the layer contains no other layers.
  public var children: [(name: String, layer: any Layer<Scalar>)] { [] }
}
