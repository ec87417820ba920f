internal import AllReduceNN

/// Files of text that programs read whole.
public enum TextFile {
  /// The text of a file.
  ///
  /// - Throws: ``DataError`` if it cannot be read.
  public static func read(_ path: String) throws -> String {
    let file = try FileBytes(path: path, unpacks: false)
    return withExtendedLifetime(file) { String(decoding: file.bytes, as: UTF8.self) }
  }
}
