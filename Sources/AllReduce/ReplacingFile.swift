internal import AllReduceNN

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A file that is written aside, and takes the place of another of its name when it is complete.
///
/// Until ``finish()`` whoever opens the name sees the old file, and after a crash too. The file aside has a
/// fixed name, so that what a crash leaves behind is used again and does not pile up.
package final class ReplacingFile {
  /// The name that the file will have.
  package let path: String
  private let pathAside: String
  private var descriptor: Int32

  /// Begins a file.
  ///
  /// - Parameter path: The name that it will have; its folder must be there.
  /// - Throws: ``DataError`` with the system's reason if no file can be made beside it.
  package init(path: String) throws(DataError) {
    self.path = path
    let folder = ReplacingFile.folder(of: path)
    pathAside = "\(folder)/.\(path.split(separator: "/").last ?? "").new"
    descriptor = open(pathAside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw ReplacingFile.unwritable(path, errno) }
    var status = stat()
    guard stat(path, &status) != 0 || status.st_mode & S_IFMT != S_IFDIR else {
      throw ReplacingFile.unwritable(path, EISDIR)
    }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(pathAside)
  }

  /// Writes bytes behind those that are there.
  package func write(_ bytes: UnsafeRawBufferPointer) throws(DataError) {
    var place = 0
    while place < bytes.count {
      #if canImport(Glibc)
        let written = Glibc.write(descriptor, bytes.baseAddress! + place, bytes.count - place)
      #else
        let written = Darwin.write(
          descriptor, bytes.baseAddress! + place, min(bytes.count - place, 1 << 30))
      #endif
      if written > 0 {
        place += written
      } else if errno != EINTR {
        throw ReplacingFile.unwritable(path, errno)
      }
    }
  }

  /// Writes a text behind what is there.
  package func write(_ text: String) throws(DataError) {
    let bytes = Array(text.utf8)
    do {
      try bytes.withUnsafeBytes { try write($0) }
    } catch let error as DataError {
      throw error
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// Makes sure that all is on the disk, and takes the place of the old file.
  package func finish() throws(DataError) {
    guard fsync(descriptor) == 0, rename(pathAside, path) == 0 else {
      throw ReplacingFile.unwritable(path, errno)
    }
    close(descriptor)
    descriptor = -1
    // The new name is on the disk only when the folder is. Some file systems cannot do that; then
    // there is nothing more to be done.
    let folder = open(ReplacingFile.folder(of: path), O_RDONLY | O_CLOEXEC)
    guard folder >= 0 else { return }
    fsync(folder)
    close(folder)
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  static func unwritable(_ path: String, _ code: Int32) -> DataError {
    DataError(
      file: path, expected: "a file that can be written",
      found: "\"\(String(cString: strerror(code)))\"",
      advice: "check the path, its permissions and the room on the disk")
  }
}
