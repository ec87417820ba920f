/// Hints from a layer to the code that runs it, such as ``Sequential``, which save memory and time.
package protocol LayerHints<Scalar>: Layer {
  /// Whether the next layer may overwrite this layer's output and so work in place: the output is in this layer's own
  /// memory, and `backward` does not read it.
  var outputMayBeOverwritten: Bool { get }

  /// Whether the layer itself announces to the pass's sink (``GradientSink/willUse(_:_:)``) which of its own and its
  /// children's parameters it is about to use. For any other layer, the caller of `forward` announces them.
  var announcesUse: Bool { get }
}

extension LayerHints {
  /// False, which is always safe.
  package var outputMayBeOverwritten: Bool { false }
  /// False: all parameters have arrived when `forward` is called.
  package var announcesUse: Bool { false }
}

extension Layer {
  /// Whether the layer's output may be overwritten (``LayerHints/outputMayBeOverwritten``); false for a layer without
  /// hints.
  package var givesOutputAway: Bool {
    (self as? any LayerHints<Scalar>)?.outputMayBeOverwritten ?? false
  }

  /// The parameters that the caller of `forward` announces to the pass's sink, in the order of the forward pass.
  package var unannouncedParameters: [Parameter<Scalar>] {
    (self as? any LayerHints<Scalar>)?.announcesUse ?? false ? [] : allParameters
  }
}
