/// Hints of the library's layers to the row that runs them, which save memory and time.
package protocol LayerHints<Scalar>: Layer {
  /// Whether the next layer may overwrite the output: it lies in memory of this layer, and `backward`
  /// does not read it. The next layer can then work in place.
  var outputMayBeOverwritten: Bool { get }

  /// Whether the layer itself announces to the pass's sink which parameters it is about to use, its own and its
  /// children's (``GradientSink/willUse(_:_:)``). For all others, the caller of their `forward` does.
  var announcesUse: Bool { get }
}

extension LayerHints {
  /// False, which is always safe.
  package var outputMayBeOverwritten: Bool { false }
  /// False: all parameters are there when `forward` is called.
  package var announcesUse: Bool { false }
}

extension Layer {
  /// ``LayerHints/outputMayBeOverwritten``; false for a layer that gives no hints.
  package var givesOutputAway: Bool {
    (self as? any LayerHints<Scalar>)?.outputMayBeOverwritten ?? false
  }

  /// The parameters that the caller of `forward` announces to the pass's sink, in the order of the forward pass.
  package var unannouncedParameters: [Parameter<Scalar>] {
    (self as? any LayerHints<Scalar>)?.announcesUse ?? false ? [] : allParameters
  }
}
