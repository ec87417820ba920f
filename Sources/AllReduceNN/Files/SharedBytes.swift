/// A part of a file's bytes that several threads may read.
struct SharedBytes: @unchecked Sendable {
  private let owner: FileBytes
  let start: UnsafePointer<UInt8>
  let count: Int

  /// The bytes of a file from an offset on.
  init(_ file: FileBytes, from offset: Int = 0) {
    owner = file
    // Of an empty file nothing is read.
    start = (file.bytes.baseAddress ?? UnsafePointer(bitPattern: 1).unsafelyUnwrapped) + offset
    count = file.bytes.count - offset
  }

  /// Releases memory once a reader that goes from start to end has passed it.
  func readOnce() -> ReadBytes { ReadBytes(of: owner, from: start) }

  /// Lets the system read no more than what is asked for.
  func expectSingleRows() { owner.expectSingleRows() }

  /// Same as ``FileBytes/willRead(_:)``; places count from ``start``.
  func willRead(_ range: Range<Int>) {
    guard let base = owner.bytes.baseAddress else { return }
    let first = start - base
    owner.willRead(first + range.lowerBound..<first + range.upperBound)
  }
}
