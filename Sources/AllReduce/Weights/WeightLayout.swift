internal import AllReduceNN

/// How a file of weights states, or its shapes show, the order of the weights' elements.
///
/// Shapes do not always show the order: a convolution of 3 channels by 3 x 3 windows has the shape [8, 3, 3, 3] in
/// either order, and a dense layer takes the elements of an image in either order. Weights in the wrong order would
/// silently compute wrong numbers.
enum WeightLayout {
  /// The name of this library's order, [outputs, height, width, channels].
  static let name = "channelsLast"
  /// The name of PyTorch's order, [outputs, channels, height, width].
  static let foreignName = "channelsFirst"

  /// Makes sure that a file's weights are in this library's order: the metadata states it, or the file is a checkpoint
  /// of a version of this library that did not state the order yet.
  ///
  /// - Throws: ``DataError`` that says what to do otherwise.
  static func require(in file: SafetensorsFile) throws(DataError) {
    let said = file.metadata["layout"]
    let format = file.metadata["format"]
    guard said != name, said != nil || format != CheckpointFile.format else { return }
    throw DataError(
      file: file.path, expected: "\"layout\": \"\(name)\" in the metadata",
      found: said.map { "\"\($0)\"" }
        ?? "no layout" + (format.map { " and the format \"\($0)\"" } ?? ""),
      advice:
        "a state to resume from has this library's order: read weights of other programs when a training run "
        + "begins")
  }

  /// Decides whether a file's weights have channels before height and width.
  ///
  /// - Parameters:
  ///   - tensors: The network's tensors, each with the shape that it has in the file.
  ///   - file: The file; its metadata takes precedence over its shapes.
  ///   - given: The order that the caller states; nil if the caller states none.
  /// - Returns: True for PyTorch's order; false for this library's, and if both orders are the same.
  /// - Throws: ``DataError`` if the order cannot be determined, if the metadata contradicts `given`, or if two
  ///   convolutions' shapes contradict each other.
  static func isChannelsFirst(
    _ tensors: [(item: WeightItem, shape: Shape)], _ file: SafetensorsFile, _ given: Bool?
  ) throws(DataError) -> Bool {
    func refused(_ expected: String, _ found: String) -> DataError {
      DataError(
        file: file.path, expected: expected, found: found,
        advice:
          "set \"layout\" in the metadata to \"\(foreignName)\" (PyTorch's order) or \"\(name)\", or pass "
          + "--weights-layout")
    }
    let format = file.metadata["format"]
    let said: Bool?
    switch file.metadata["layout"] {
    case name: said = false
    case foreignName: said = true
    case nil: said = format == CheckpointFile.format ? false : nil
    case let other?:
      throw refused(
        "the layout \"\(name)\" or \"\(foreignName)\"", "\"\(DataError.legible(other))\"")
    }
    if let said, let given, said != given {
      throw refused(
        "the layout \"\(given ? foreignName : name)\", as was asked for",
        "\"\(said ? foreignName : name)\" in the metadata")
    }
    if let known = said ?? given { return known }
    // The order that a convolution's shape shows is that of the whole file.
    let shown = tensors.filter { $0.item.isConvolution && $0.item.shape != $0.item.foreignShape }
    let first = shown.first { $0.shape == $0.item.foreignShape }
    let last = shown.first { $0.shape == $0.item.shape }
    if let first, let last {
      throw refused(
        "the same order of channels in all convolutions",
        "channels first in \"\(first.item.name)\" \(first.shape), and last in \"\(last.item.name)\" \(last.shape)"
      )
    }
    if first != nil { return true }
    if last != nil { return false }
    if format == "pt" { return true }
    guard let open = tensors.first(where: { $0.item.order != nil || $0.item.doubt != nil }) else {
      return false
    }
    throw refused(
      "weights that show in which order channels lie",
      "no layout in the metadata, and \"\(open.item.name)\" \(open.shape), which is the same in both"
    )
  }
}
