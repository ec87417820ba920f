extension NPYArray {
  /// Writes the array to an NPY file, and replaces an existing file.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``DataError`` or ``OutputError`` with the system's reason if the file cannot be written.
  package func write(npy path: String) throws {
    let file = try OutputFile(path: path)
    try npyBytes.withUnsafeBytes { try file.write($0) }
    try file.finish()
  }
}
