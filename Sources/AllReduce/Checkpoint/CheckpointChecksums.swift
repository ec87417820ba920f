internal import AllReduceNN

/// The error for a file that is not a checkpoint to resume from.
package struct StateRefusal: Error {
  let error: DataError
  /// Whether the file is damaged, so that an older checkpoint may be used instead. False if the file is of another kind
  /// or of a later version.
  let isDamage: Bool
}

/// Checksums that detect damage to a checkpoint: one of the header and one of each tensor, in the header's metadata.
enum CheckpointChecksums {
  /// The metadata keys of the header's checksum and of the tensors' checksums.
  static let (headerKey, tensorsKey) = ("header_checksum", "checksums")

  /// A placeholder, as long as a checksum, where the header's checksum is not known yet.
  static let unknown = Checksum.text(0)

  /// Returns tensors' checksums as the metadata holds them: a JSON object, with the tensors' names as keys.
  static func text(_ sums: [(name: String, sum: UInt64)]) -> String {
    JSONValue.object(sums.map { ($0.name, .text(Checksum.text($0.sum))) }).encodedOnOneLine()
  }

  /// Computes a header's checksum, and writes it in place of the placeholder.
  static func seal(_ header: inout [UInt8]) {
    guard let place = header.withUnsafeBytes({ place(in: $0) }) else {
      preconditionFailure("the header of a state has no place for its checksum")
    }
    let sum = header.withUnsafeBytes { Checksum.of($0) }
    header.replaceSubrange(place, with: Checksum.text(sum).utf8)
  }

  /// Checks a header against its checksum.
  ///
  /// - Returns: Whether the header is unchanged since it was sealed; nil if it has no checksum.
  static func isWhole(header: UnsafeRawBufferPointer) -> Bool? {
    guard let place = place(in: header) else { return nil }
    var open = Array(header)
    open.replaceSubrange(place, with: unknown.utf8)
    let sum = Checksum.text(open.withUnsafeBytes { Checksum.of($0) })
    return header[place].elementsEqual(sum.utf8)
  }

  /// Returns the range of the digits of the header's checksum, which is among the first strings of the metadata; nil if
  /// there is no checksum.
  private static func place(in header: UnsafeRawBufferPointer) -> Range<Int>? {
    let key = Array("\"\(headerKey)\": \"".utf8)
    let front = header.prefix(256)
    guard let found = front.firstRange(of: key),
      found.upperBound + unknown.utf8.count <= header.count
    else { return nil }
    return found.upperBound..<found.upperBound + unknown.utf8.count
  }
}

extension SafetensorsFile {
  /// Checks that a file with checksums is unchanged since it was written. Reads all of its bytes once.
  ///
  /// - Returns: False if the file has no checksums, otherwise true.
  /// - Throws: ``DataError`` that names the damaged part.
  func checkSums() throws(DataError) -> Bool {
    func damaged(_ expected: String, _ found: String) -> DataError {
      DataError(
        file: path, expected: expected, found: found,
        advice: "the file is damaged: use an older state, or begin again")
    }
    guard let isWhole = withHeader({ CheckpointChecksums.isWhole(header: $0) }) else {
      return false
    }
    guard isWhole else { throw damaged("a header that fits its checksum", "another checksum") }
    guard let sums = metadata[CheckpointChecksums.tensorsKey].flatMap({ try? StateFields($0) })
    else { throw damaged("a checksum for each tensor", "none") }
    for entry in entries {
      let kept = try? sums.text(entry.name)
      let sum = withBytes(of: entry) { Checksum.text(Checksum.of($0)) }
      guard kept == sum else {
        throw damaged("the checksum \(kept ?? "none") of \(entry.summary)", sum)
      }
    }
    return true
  }
}
