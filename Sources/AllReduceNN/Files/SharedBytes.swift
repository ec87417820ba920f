/// A part of a file's bytes that several threads may read.
struct SharedBytes: @unchecked Sendable {
  private let owner: FileBytes
  let start: UnsafePointer<UInt8>
  let count: Int

  /// Creates a part that has the bytes of a file from an offset to the end.
  init(_ file: FileBytes, from offset: Int = 0) {
    owner = file
    // No bytes are read from an empty file.
    start = (file.bytes.baseAddress ?? UnsafePointer(bitPattern: 1).unsafelyUnwrapped) + offset
    count = file.bytes.count - offset
  }

  /// Returns an object that releases the memory of these bytes after a sequential reader has passed them.
  func readOnce() -> ReadBytes { ReadBytes(of: owner, from: start) }

  /// Tells the system to read only the bytes that are accessed, and not to read ahead.
  func expectSingleRows() { owner.expectSingleRows() }

  /// Same as ``FileBytes/willRead(_:)``, but indices count from ``start``.
  func willRead(_ range: Range<Int>) {
    guard let base = owner.bytes.baseAddress else { return }
    let first = start - base
    owner.willRead(first + range.lowerBound..<first + range.upperBound)
  }
}
