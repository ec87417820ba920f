#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension NPYArray {
  /// Writes a file, replacing what is there.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``DataError`` with the system's reason if it cannot be written.
  public func write(npy path: String) throws(DataError) {
    guard let file = fopen(path, "wb") else { throw NPYArray.unwritable(path, errno) }
    let bytes = npyBytes
    let written = fwrite(bytes, 1, bytes.count, file)
    let code = errno
    // A full disk may show only when the file is closed.
    guard fclose(file) == 0, written == bytes.count else {
      throw NPYArray.unwritable(path, written == bytes.count ? errno : code)
    }
  }

  private static func unwritable(_ path: String, _ code: Int32) -> DataError {
    DataError(
      file: path, expected: "a file that can be written",
      found: "\"\(String(cString: strerror(code)))\"",
      advice: "check the path, its permissions and the room on the disk")
  }
}
