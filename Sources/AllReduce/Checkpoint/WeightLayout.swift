internal import AllReduceNN

/// How a file of weights says in which order their elements lie.
///
/// Shapes do not tell: a convolution of 3 channels by 3 x 3 windows has the shape [8, 3, 3, 3] in either
/// order, and a dense layer takes the elements of an image in either. Weights in the wrong order would
/// compute wrong numbers without a word, so a file has to say its order.
enum WeightLayout {
  /// The only order that is read: [outputs, height, width, channels].
  static let name = "channelsLast"

  /// Makes sure that a file's weights lie as this library's networks have them: it says so, or is a state of
  /// a version of this library that did not say it yet.
  ///
  /// - Throws: ``DataError`` that says what to do.
  static func require(in file: SafetensorsFile) throws(DataError) {
    let said = file.metadata["layout"]
    let format = file.metadata["format"]
    guard said != name, said != nil || format != CheckpointFile.format else { return }
    throw DataError(
      file: file.path, expected: "\"layout\": \"\(name)\" in the metadata",
      found: said.map { "\"\($0)\"" }
        ?? "no layout" + (format.map { " and the format \"\($0)\"" } ?? ""),
      advice: "other programs order weights otherwise (PyTorch has channels before height and "
        + "width): write a convolution's as [filters, height, width, channels], those of the dense "
        + "layer after Flatten with their inputs in that order, and then this layout into the metadata"
    )
  }
}
