internal import AllReduceNN

extension SafetensorsFile {
  /// Finds the file's entry for each tensor of a network or a checkpoint.
  ///
  /// - Parameters:
  ///   - tensors: The tensors to find.
  ///   - left: Prefixes of the names of tensors that the file may also have.
  /// - Returns: One entry for each of `tensors`, in their order.
  /// - Throws: ``DataError`` that names what was expected and what was found, if a tensor is missing or has a different
  ///   shape or type, or if the file has another tensor.
  func entries<Scalar: NetworkScalar>(
    for tensors: [StateTensor<Scalar>], leavingOut left: [String] = []
  ) throws(DataError) -> [SafetensorsEntry] {
    func other(_ expected: String, _ found: String) -> DataError {
      DataError(
        file: path, expected: expected, found: found,
        advice:
          "it belongs to a different network or optimizer; use the options it was trained with")
    }
    let names = Set(tensors.map(\.name))
    let surplus = entries.first { entry in
      !names.contains(entry.name) && !left.contains { entry.name.hasPrefix($0) }
    }
    let type = SafetensorsEntry.type(of: Scalar.self)
    var matches: [SafetensorsEntry] = []
    for tensor in tensors {
      let wanted = "\"\(tensor.name)\" \(type) \(tensor.shape)"
      guard let entry = self[tensor.name] else {
        throw other(wanted, surplus.map { "\($0.summary) in its place" } ?? "no such tensor")
      }
      guard entry.shape == tensor.shape, entry.type == type else {
        throw other(wanted, entry.summary)
      }
      matches.append(entry)
    }
    if let surplus {
      throw other("only the \(tensors.count) tensors of this network", surplus.summary)
    }
    return matches
  }

  /// Copies elements of a tensor, starting at index `element`, until `values` is full.
  func copy<Scalar: NetworkScalar>(
    _ entry: SafetensorsEntry, from element: Int, into values: UnsafeMutableBufferPointer<Scalar>
  ) {
    withBytes(of: entry) { bytes in
      let first = element * MemoryLayout<Scalar>.stride
      let target = UnsafeMutableRawBufferPointer(values)
      target.copyMemory(
        from: UnsafeRawBufferPointer(rebasing: bytes[first..<first + target.count]))
    }
  }
}
