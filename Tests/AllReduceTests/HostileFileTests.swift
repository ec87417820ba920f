import Foundation
import Fuzzing
import XCTest

/// Files that are whole, and such as `scripts/fuzz` has found to do harm: each is read, or refused by an error.
final class HostileFileTests: XCTestCase {
  private let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().appendingPathComponent("../Fuzzing/Files")

  func testReadersSurviveEveryFile() throws {
    for reading in FileReading.allCases {
      let names = try FileManager.default.contentsOfDirectory(
        atPath: folder.appendingPathComponent(reading.rawValue).path)
      XCTAssertFalse(names.isEmpty, reading.rawValue)
      for name in names.sorted() {
        let bytes = try Data(
          contentsOf: folder.appendingPathComponent("\(reading.rawValue)/\(name)"))
        let refusals = bytes.withUnsafeBytes { reading.read($0) }
        for refusal in refusals { XCTAssertFalse("\(refusal)".isEmpty, name) }
      }
    }
  }

  /// Damage of each byte of the smallest whole file of a format.
  func testReadersSurviveDamageOfEachByte() throws {
    for (reading, name) in [
      (FileReading.idx, "images"), (.gzip, "one"), (.npy, "doubles"), (.npz, "deflated"),
      (.safetensors, "weights"), (.plan, "grid"), (.profile, "two-hosts"), (.tuning, "table"),
    ] {
      let whole = try Data(
        contentsOf: folder.appendingPathComponent("\(reading.rawValue)/\(name)"))
      for place in whole.indices {
        for value: UInt8 in [0, 0x7F, 0x80, 0xFF, whole[place] ^ 1] {
          var damaged = whole
          damaged[place] = value
          damaged.withUnsafeBytes { _ = reading.read($0) }
        }
        whole.prefix(place).withUnsafeBytes { _ = reading.read($0) }
      }
    }
  }
}
