package import AllReduceNN

/// A file of a network's weights (a checkpoint, or from another program), with each tensor's place and element order.
package struct WeightFile<Scalar: NetworkScalar> {
  private let file: SafetensorsFile
  private let sources: [String: (entry: SafetensorsEntry, order: ChannelOrder?)]

  /// Opens a file, finds the tensors of a network in it, and determines the order of their elements.
  ///
  /// - Parameters:
  ///   - path: The path of the file.
  ///   - root: The layers of the whole network.
  ///   - input: The shape of an example's input.
  ///   - names: The file's names for paths of the network.
  ///   - channelsFirst: Whether channels come before height and width; nil to take the order from the file.
  /// - Throws: ``DataError`` if the file cannot be read or is damaged; if a tensor is missing (the text gives the
  ///   nearest names) or has a different shape; or if the order of the elements cannot be determined.
  package init(
    _ path: String, for root: any Layer<Scalar>, input: Shape, names: [String: String] = [:],
    channelsFirst: Bool? = nil
  ) throws(DataError) {
    let file = try SafetensorsFile(path: path)
    _ = try file.checkSums()
    let list = WeightList(root, input: input)
    let names = WeightNames(names)
    let found = try WeightFile.find(list.items, in: file, names)
    let isFirst = try WeightLayout.isChannelsFirst(
      found.map { ($0.item, $0.entry.shape) }, file, channelsFirst)
    if isFirst, let doubt = list.doubt {
      throw DataError(
        file: path, expected: "weights of layers whose order is known",
        found: "\"\(doubt.name)\", and \(doubt.why)",
        advice:
          "write its elements in this library's order, and \"layout\": \"\(WeightLayout.name)\" into the "
          + "metadata")
    }
    var sources: [String: (entry: SafetensorsEntry, order: ChannelOrder?)] = [:]
    for (item, entry) in found {
      let wanted = isFirst ? item.foreignShape : item.shape
      guard entry.shape == wanted else {
        throw DataError(
          file: path, expected: "\"\(entry.name)\" of \(wanted)", found: entry.summary,
          advice: "it belongs to a different network; use the layers it was trained with")
      }
      guard WeightElements.isKnown(entry.type) else {
        throw DataError(
          file: path, expected: "\"\(entry.name)\" of F32, F64, F16 or BF16", found: entry.summary,
          advice: "convert it to one of these types")
      }
      sources[item.name] = (entry, isFirst ? item.order : nil)
    }
    self.file = file
    self.sources = sources
  }

  /// Reads a file of names: a JSON object such as `{"0": "features.0"}`, from paths of the network to names in a file.
  ///
  /// - Throws: ``DataError`` if the file cannot be read or has other contents.
  package static func names(in path: String) throws(DataError) -> [String: String] {
    try WeightNames(file: path).names
  }

  private static func find(
    _ items: [WeightItem], in file: SafetensorsFile, _ names: WeightNames
  ) throws(DataError) -> [(item: WeightItem, entry: SafetensorsEntry)] {
    var found: [(item: WeightItem, entry: SafetensorsEntry)] = []
    var missing: WeightItem?
    for item in items {
      let candidates = [item.name, item.foreignName].map { names.name(of: $0) }
      if let entry = candidates.lazy.compactMap({ file[$0] }).first {
        found.append((item, entry))
      } else {
        missing = missing ?? item
      }
    }
    let taken = Set(found.map(\.entry.name))
    let surplus = file.entries.filter { entry in
      !taken.contains(entry.name) && !entry.name.hasSuffix("num_batches_tracked")
        && !["optimizer/", "replicas/"].contains { entry.name.hasPrefix($0) }
    }
    if let item = missing {
      let name = names.name(of: item.foreignName)
      let nearest = WeightNames.nearest(
        to: name, [item.shape, item.foreignShape], among: surplus)
      throw DataError(
        file: file.path, expected: "\"\(name)\" of \(item.foreignShape)",
        found: nearest.isEmpty
          ? "no such tensor, and none that is left over"
          : "no such tensor; the nearest left over are "
            + nearest.map(\.summary).joined(separator: ", "),
        advice:
          "use the layers it was trained with, or give its names for the network's paths")
    }
    if let entry = surplus.first {
      throw DataError(
        file: file.path, expected: "only the \(items.count) tensors of this network",
        found: entry.summary + (surplus.count > 1 ? " and \(surplus.count - 1) more" : ""),
        advice: "use the layers it was trained with, or leave these tensors out")
    }
    return found
  }

  /// Reads a whole tensor, and puts its elements into this library's order.
  ///
  /// - Parameters:
  ///   - name: The tensor's path in the network.
  ///   - values: Memory for the tensor's elements.
  package func read(_ name: String, into values: UnsafeMutableBufferPointer<Scalar>) {
    guard let (entry, order) = sources[name] else {
      preconditionFailure("no tensor \(name) was looked for in \(file.path)")
    }
    guard let order else { return WeightElements.read(file, entry, from: 0, into: values) }
    let row = TensorMemory<Scalar>(count: order.count)
    for outer in 0..<order.outer {
      WeightElements.read(file, entry, from: outer * order.count, into: row.values)
      order.toChannelsLast(
        UnsafePointer(row.values.baseAddress!), values.baseAddress! + outer * order.count)
    }
  }
}
