internal import AllReduce
import Foundation

/// A file of data that a program learns from.
public enum DataFile {
  /// Returns a file's size and checksum as text, equal for files with equal contents.
  ///
  /// - Throws: ``DataError`` if there is no such file.
  public static func describe(_ path: String) throws -> String {
    guard let content = FileManager.default.contents(atPath: path) else {
      throw DataError(
        file: path, expected: "a file", found: "no such file", advice: "check the path")
    }
    let checksum = content.withUnsafeBytes { Checksum.of($0) }
    return "\(content.count.grouped) bytes, checksum \(Checksum.text(checksum))"
  }
}
