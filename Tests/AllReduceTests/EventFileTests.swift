import AllReduce
import XCTest

/// What TensorBoard would read.
final class EventFileTests: XCTestCase {
  /// The records' checksums and contents, by a reader of its own.
  func testRecordsHoldTheScalars() throws {
    let folder = NSTemporaryDirectory() + "events-\(UUID())"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = try EventFile(folder: folder, afterStep: 7)
    file.add("loss/training", 0.5, step: 8)
    file.add("accuracy/test", 0.875, step: 300)
    file.finish()
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    XCTAssertEqual(names.count, 1)
    XCTAssertTrue(names[0].hasPrefix("events.out.tfevents."), names[0])
    let events = try records(
      [UInt8](Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(names[0])"))))
    XCTAssertEqual(events.count, 4)
    XCTAssertTrue(contains(events[0], Array("brain.Event:2".utf8)))
    // Of TensorBoard's own writer: session_log { status: START } at step 8.
    XCTAssertEqual(Array(events[1].suffix(4)), [0x3A, 2, 8, 1])
    for (event, tag, bits) in [
      (events[2], "loss/training", Float(0.5)), (events[3], "accuracy/test", 0.875),
    ] {
      XCTAssertTrue(contains(event, Array(tag.utf8)), tag)
      XCTAssertEqual(
        Array(event.suffix(5)),
        [0x15] + withUnsafeBytes(of: bits.bitPattern.littleEndian, Array.init), tag)
    }
    // Step 300 in two bytes of seven bits.
    XCTAssertTrue(contains(events[3], [0x10, 0xAC, 0x02]))
  }

  /// The checksum of RFC 3720, B.4.
  func testChecksum() {
    let zeros = [UInt8](repeating: 0, count: 32)
    XCTAssertEqual(crc(zeros), 0x8A91_36AA)
    XCTAssertEqual(crc(Array(0..<32)), 0x46DD_794E)
  }

  private func crc(_ bytes: [UInt8]) -> UInt32 {
    var crc = ~UInt32(0)
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
    }
    return ~crc
  }

  private func records(_ bytes: [UInt8]) throws -> [[UInt8]] {
    func number(_ range: Range<Int>) -> UInt64 {
      bytes[range].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    func masked(_ bytes: [UInt8]) -> UInt64 {
      let crc = crc(bytes)
      return UInt64((crc >> 15 | crc << 17) &+ 0xA282_EAD8)
    }
    var (place, found) = (0, [[UInt8]]())
    while place < bytes.count {
      let count = Int(number(place..<place + 8))
      XCTAssertEqual(number(place + 8..<place + 12), masked(Array(bytes[place..<place + 8])))
      let event = Array(bytes[place + 12..<place + 12 + count])
      XCTAssertEqual(number(place + 12 + count..<place + 16 + count), masked(event))
      found.append(event)
      place += 16 + count
    }
    return found
  }

  private func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
    bytes.indices.contains { bytes[$0...].starts(with: part) }
  }
}
