internal import CKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A file that is written; the library and its programs write all files through this type.
///
/// A regular file is replaced as a whole: the data is written to a second file next to it, flushed to the disk, and
/// renamed, so that readers see either the old file or the new one, even after a crash. A file that is not regular,
/// such as a device or a pipe, is written directly, and so is the file that standard output or standard error goes to.
///
/// The name of the second file is fixed, so that repeated crashes leave only one such file. The file is locked, so that
/// two processes that write the same file do not mix their data.
package final class OutputFile {
  /// Who chose the name of the file.
  package enum Name {
    /// The user chose the name: symbolic links are followed.
    case named
    /// The library chose the name, in a folder of its own: any file that has the name is replaced.
    case own
  }

  enum Way {
    /// Written directly: bytes are visible as soon as they are written.
    case through
    case replacing(target: String, aside: String)
  }

  /// The path of the file.
  package let path: String
  private var way: Way
  /// Whether the file replaces an old one, or is new; then only this process writes to it.
  private let replaces: Bool
  private var descriptor: Int32
  /// The part of the file that ``flushBehind()`` has begun to flush, but not yet dropped; nil where there is no such
  /// call.
  private var flushed: Range<off_t>? = 0..<0
  private static var flushedAtOnce: off_t { 4 << 20 }

  /// Opens a file for writing.
  ///
  /// - Parameters:
  ///   - path: The path of the file, whose folder must exist.
  ///   - name: Who chose the name, the user or the library.
  /// - Throws: ``DataError`` with the system's reason if the file cannot be written.
  package init(path: String, _ name: Name = .named) throws(DataError) {
    self.path = path
    (way, descriptor) = try OutputFile.open(path, name)
    if case .replacing = way { replaces = true } else { replaces = false }
  }

  deinit {
    guard descriptor >= 0 else { return }
    if case .replacing(_, let aside) = way { unlink(aside) }
    close(descriptor)
  }

  /// Appends bytes to the file.
  package func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
    try write(bytes) { Libc.write(descriptor, $0, $1) }
  }

  /// Appends a text to the file, as UTF-8.
  package func write(_ text: String) throws(OutputError) {
    let bytes = Array(text.utf8)
    do {
      try bytes.withUnsafeBytes { try write($0) }
    } catch let error as OutputError {
      throw error
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// Appends bytes to a file that replaces an old one: all of them or, where that fails, none.
  package func append(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
    let end = replaces ? lseek(descriptor, 0, SEEK_CUR) : -1
    do {
      try write(bytes)
    } catch {
      if end >= 0, ftruncate(descriptor, end) == 0 { lseek(descriptor, end, SEEK_SET) }
      throw error
    }
  }

  /// Begins to flush what has been written since the last call, if it is 4 MiB or more; waits for what the last call
  /// began to flush, and drops that from the system's cache. For large files that are not read soon: pages of the cache
  /// are used again, where new pages cost several times as much processor time as the writing itself, and other memory
  /// stays in use. Has no effect where the system has no such calls.
  ///
  /// - Throws: ``OutputError`` if the disk reports an error.
  package func flushBehind() throws(OutputError) {
    guard replaces, let before = flushed else { return }
    let end = lseek(descriptor, 0, SEEK_CUR)
    guard end - before.upperBound >= OutputFile.flushedAtOnce else { return }
    let next = before.upperBound..<end
    let begun = ck_begin_flush(descriptor, Int64(next.lowerBound), Int64(next.count))
    flushed = begun < 0 ? nil : next
    try check(max(begun, 0))
    if before.isEmpty || begun < 0 { return }
    try check(ck_end_flush(descriptor, Int64(before.lowerBound), Int64(before.count)))
  }

  private func check(_ code: Int32) throws(OutputError) {
    if code != 0 { throw OutputError(file: path, code: code) }
  }

  /// Overwrites the first bytes of a file that is to replace an old one.
  package func replaceStart(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
    var place: off_t = 0
    try write(bytes) {
      let written = pwrite(descriptor, $0, $1, place)
      if written > 0 { place += off_t(written) }
      return written
    }
  }

  private func write(
    _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawPointer, Int) -> Int
  ) throws(OutputError) {
    guard let start = bytes.baseAddress else { return }
    var place = 0
    while place < bytes.count {
      let written = body(start + place, min(bytes.count - place, 1 << 30))
      if written > 0 {
        place += written
      } else if errno != EINTR {
        throw OutputError(file: path, code: errno)
      }
    }
  }

  /// Flushes the file to the disk and puts it in place of the old file. Data written afterwards is visible at once.
  ///
  /// - Parameter beforehand: Called after the file is on the disk and before it replaces the old file; not called for a
  ///   file that is written directly.
  /// - Throws: ``OutputError`` if the file cannot be flushed or cannot replace the old file.
  package func publish(_ beforehand: () -> Void = {}) throws(OutputError) {
    // A device or a pipe cannot be flushed to a disk.
    guard fsync(descriptor) == 0 || [EINVAL, EROFS, ENOTSUP].contains(errno) else {
      throw OutputError(file: path, code: errno)
    }
    guard case .replacing(let target, let aside) = way else { return }
    beforehand()
    guard rename(aside, target) == 0 else { throw OutputError(file: path, code: errno) }
    way = .through
    OutputFile.sync(folder: OutputFile.folder(of: target))
  }

  /// Same as ``publish(_:)``, but also closes the file: nothing can be written afterwards.
  package func finish(_ beforehand: () -> Void = {}) throws(OutputError) {
    try publish(beforehand)
    let code = close(descriptor) == 0 ? 0 : errno
    descriptor = -1
    if code != 0, code != EINTR { throw OutputError(file: path, code: code) }
  }
}

/// The system call whose name is also that of a method in this file.
private enum Libc {
  static func write(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    #if canImport(Glibc)
      Glibc.write(descriptor, bytes, count)
    #else
      Darwin.write(descriptor, bytes, count)
    #endif
  }
}
