package import AllReduceNN

/// A file of named tensors in the safetensors format, as Python's `safetensors` reads and writes it.
///
/// Eight bytes say how long the header is; the header is json: a type, a shape and a place for each
/// tensor, and strings; then come the tensors' bytes. The file is mapped: only what is looked at is read.
/// https://github.com/huggingface/safetensors
package final class SafetensorsFile {
  /// The file.
  package let path: String
  /// The texts of `__metadata__`, by name.
  package let metadata: [String: String]
  /// The tensors, in the order of their bytes.
  package let entries: [SafetensorsEntry]

  private let file: FileBytes
  private let dataStart: Int
  private let places: [String: Int]

  /// Opens a file and checks its header: types, shapes, that tensors do not overlap, leave no gaps and end
  /// where the file ends.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``DataError`` if it cannot be read, or is truncated, damaged or something else.
  package init(path: String) throws(DataError) {
    let file = try FileBytes(path: path, unpacks: false)
    let (header, start) = try SafetensorsHeader.read(file.bytes, path)
    self.path = path
    self.file = file
    dataStart = start
    metadata = Dictionary(header.metadata.map { ($0.name, $0.text) }) { first, _ in first }
    entries = header.entries
    places = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
  }

  /// The tensor with a name.
  package subscript(name: String) -> SafetensorsEntry? { places[name].map { entries[$0] } }

  /// Lets `body` see the bytes of the header, with those of its length.
  func withHeader<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(file) {
      try body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(file.bytes)[..<dataStart]))
    }
  }

  /// Lets `body` see a tensor's bytes, which need not be aligned.
  package func withBytes<Result>(
    of entry: SafetensorsEntry, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    let place = dataStart + entry.bytes.lowerBound
    return try withExtendedLifetime(file) {
      try body(
        UnsafeRawBufferPointer(
          UnsafeBufferPointer(rebasing: file.bytes[place..<place + entry.bytes.count])))
    }
  }
}
