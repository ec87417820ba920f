extension NPYArray {
  /// Writes a file, replacing what is there.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``DataError`` or ``OutputError`` with the system's reason if it cannot be written.
  package func write(npy path: String) throws {
    let file = try OutputFile(path: path)
    try npyBytes.withUnsafeBytes { try file.write($0) }
    try file.finish()
  }
}
