internal import AllReduceMPI
internal import AllReduceNN

/// A file to which a run appends. If the file cannot be written, as on a full disk, the run goes on: what was not
/// written is kept, and written later if that is possible by then.
final class GrowingFile {
  private let file: OutputFile
  private var bytes: [UInt8] = []
  /// Whether the latest write failed.
  private var isFailing = false
  /// Whether bytes were dropped, since too many were kept.
  private var hasGap = false
  /// Called with messages for the user.
  private let note: (String) -> Void

  /// The number of bytes that are kept while the file cannot be written.
  private static let mostKept = 1 << 20

  init(_ file: OutputFile, note: @escaping (String) -> Void) {
    (self.file, self.note) = (file, note)
  }

  /// The number of bytes that are not written yet.
  var pendingCount: Int { bytes.count }

  /// Appends bytes, which ``flush()`` writes.
  func append(_ new: some Sequence<UInt8>) { bytes.append(contentsOf: new) }

  /// Writes what was appended. If that fails for the first time, warns the user.
  func flush() {
    guard !bytes.isEmpty else { return }
    do {
      try bytes.withUnsafeBytes { try file.append($0) }
      bytes.removeAll(keepingCapacity: true)
      if isFailing {
        note("\(file.path) is written again\(hasGap ? ", but a part of it is missing" : "").")
      }
      isFailing = false
    } catch {
      if !isFailing {
        note("warning: \(error). THE LOG IS NOT COMPLETE.")
      }
      isFailing = true
      if bytes.count > GrowingFile.mostKept {
        bytes.removeAll()
        hasGap = true
      }
    }
  }

  /// Writes what was appended, flushes the file to the disk and closes it; warns the user if that fails.
  func finish() {
    // The last chance: said even if it was said before.
    isFailing = false
    flush()
    do {
      try file.finish()
    } catch {
      if !isFailing { note("warning: \(error). THE LOG IS NOT COMPLETE.") }
    }
  }
}
