internal import AllReduceNN

/// Why a file is not a state to resume from.
package struct StateRefusal: Error {
  let error: DataError
  /// Whether an older generation may be taken in its place: not if it is of another kind, or a later version.
  let isDamage: Bool
}

/// How damage is found in a state: a checksum of the header, and one of each tensor in the header's metadata.
enum CheckpointChecksums {
  /// The keys of the header's checksum, and of the tensors' checksums, in the metadata.
  static let (headerKey, tensorsKey) = ("header_checksum", "checksums")

  /// A placeholder for a checksum that is not known yet, of the same length.
  static let unknown = WeightChecksum.text(0)

  /// The checksums of tensors as they stand in the metadata: json, by name.
  static func text(_ sums: [(name: String, sum: UInt64)]) -> String {
    JSONValue.object(sums.map { ($0.name, .text(WeightChecksum.text($0.sum))) }).encodedOnOneLine()
  }

  /// Puts a header's checksum in its place.
  static func seal(_ header: inout [UInt8]) {
    guard let place = header.withUnsafeBytes({ place(in: $0) }) else {
      preconditionFailure("the header of a state has no place for its checksum")
    }
    let sum = header.withUnsafeBytes { WeightChecksum.of($0) }
    header.replaceSubrange(place, with: WeightChecksum.text(sum).utf8)
  }

  /// Finds out whether a header is as it was sealed.
  ///
  /// - Returns: Nil if it has no checksum.
  static func isWhole(header: UnsafeRawBufferPointer) -> Bool? {
    guard let place = place(in: header) else { return nil }
    var open = Array(header)
    open.replaceSubrange(place, with: unknown.utf8)
    let sum = WeightChecksum.text(open.withUnsafeBytes { WeightChecksum.of($0) })
    return header[place].elementsEqual(sum.utf8)
  }

  /// Where the digits of the header's checksum are: it is among the first texts of the metadata.
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
  /// Makes sure that a file that carries checksums is as it was written. One pass over its bytes.
  ///
  /// - Returns: False if it carries none.
  /// - Throws: ``DataError`` that names what is damaged.
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
      let sum = withBytes(of: entry) { WeightChecksum.text(WeightChecksum.of($0)) }
      guard kept == sum else {
        throw damaged("the checksum \(kept ?? "none") of \(entry.summary)", sum)
      }
    }
    return true
  }
}
