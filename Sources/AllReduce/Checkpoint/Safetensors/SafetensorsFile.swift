package import AllReduceNN

/// A file of named tensors in the safetensors format, as Python's `safetensors` reads and writes it.
///
/// Eight bytes give the length of the header. The header is JSON: a type, a shape and a byte range for each tensor, and
/// strings of metadata. The tensors' bytes follow. The file is memory-mapped, so only the pages that are accessed are
/// read.
/// https://github.com/huggingface/safetensors
package final class SafetensorsFile {
  /// The path of the file.
  package let path: String
  /// The strings of `__metadata__`, by name.
  package let metadata: [String: String]
  /// The tensors, in the order of their bytes in the file.
  package let entries: [SafetensorsEntry]

  private let file: FileBytes
  private let dataStart: Int
  private let places: [String: Int]

  /// Opens a file and checks its header: types and shapes are valid, and tensors do not overlap, leave no gaps, and end
  /// where the file ends.
  ///
  /// - Parameter path: The path of the file.
  /// - Throws: ``DataError`` if the file cannot be read, or is truncated, damaged or not a safetensors file.
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

  /// The tensor with the given name; nil if there is none.
  package subscript(name: String) -> SafetensorsEntry? { places[name].map { entries[$0] } }

  /// Calls `body` with the bytes of the header, including the bytes of its length, and returns its result.
  func withHeader<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(file) {
      try body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(file.bytes)[..<dataStart]))
    }
  }

  /// Calls `body` with a tensor's bytes, which need not be aligned, and returns its result.
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
