internal import AllReduceMPI
internal import AllReduceNN

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A file of scalars that TensorBoard reads.
///
/// The file has the format of TensorFlow's TFRecord files: each record is a length, the length's checksum, an `Event`
/// message in protocol buffer encoding, and the message's checksum. Checksums are masked CRC-32C.
package final class EventFile {
  private let file: GrowingFile

  /// Creates an event file in a folder, and the folder itself if it does not exist.
  ///
  /// - Parameters:
  ///   - folder: The folder for `tensorboard --logdir`.
  ///   - step: The step after which the run resumes: TensorBoard drops later steps of earlier files. 0 for a new run.
  ///   - note: Called with warnings for the user.
  /// - Throws: ``TrainingError`` if the file cannot be created; ``OutputError`` if it cannot be written.
  package init(
    folder: String, afterStep step: Int, note: @escaping (String) -> Void = { _ in }
  ) throws {
    let now = secondsSince1970()
    let path = "\(folder)/events.out.tfevents.\(Int(now)).\(Int(now * 1e6) % 1_000_000).allreduce"
    let opened: OutputFile
    do {
      // An error of mkdir is ignored: if the folder does not exist, opening the file fails.
      mkdir(folder, 0o777)
      opened = try OutputFile(path: path)
    } catch {
      throw TrainingError.settings(
        "TensorBoard's file \(path) cannot be written: found \(error.found); \(error.advice).")
    }
    // From here on, readers of the file see new events as they are written.
    try opened.publish()
    file = GrowingFile(opened, note: note)
    // The first event must contain file_version.
    add(step: 0, field(3, Array("brain.Event:2".utf8)))
    // A session_log with status START: TensorBoard discards earlier events from this step on.
    if step > 0 { add(step: step + 1, field(7, varint(1 << 3) + varint(1))) }
    flush()
  }

  /// Adds a scalar to the buffer, and writes the buffer to the file once it exceeds 16 KiB.
  package func add(_ tag: String, _ value: Double, step: Int) {
    let number = withUnsafeBytes(of: Float(value).bitPattern.littleEndian, Array.init)
    let scalar = field(1, Array(tag.utf8)) + varint(2 << 3 | 5) + number
    add(step: step, field(5, field(1, scalar)))
    if file.pendingCount > 16384 { flush() }
  }

  /// Writes the buffered events to the file.
  func flush() { file.flush() }

  /// Writes the buffered events, syncs the file to the disk and closes it.
  package func finish() { file.finish() }

  /// Appends an event to the buffer: the time, the step, and the encoded field `content`.
  private func add(step: Int, _ content: [UInt8]) {
    let now = withUnsafeBytes(of: secondsSince1970().bitPattern.littleEndian, Array.init)
    let event = varint(1 << 3 | 1) + now + varint(2 << 3) + varint(UInt64(step)) + content
    let length = withUnsafeBytes(of: UInt64(event.count).littleEndian, Array.init)
    file.append(length + EventFile.checksum(length) + event + EventFile.checksum(event))
  }

  /// Encodes a field that is a string or a message.
  private func field(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
    varint(number << 3 | 2) + varint(UInt64(content.count)) + content
  }

  /// Encodes an integer in 7 bits per byte, the lowest bits first.
  private func varint(_ value: UInt64) -> [UInt8] {
    var (value, bytes) = (value, [UInt8]())
    while value > 0x7F {
      bytes.append(UInt8(value & 0x7F) | 0x80)
      value >>= 7
    }
    return bytes + [UInt8(value)]
  }

  private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
    let crc = ~bytes.reduce(~UInt32(0)) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
    let masked = (crc >> 15 | crc << 17) &+ 0xA282_EAD8
    return withUnsafeBytes(of: masked.littleEndian, Array.init)
  }

  /// The lookup table of CRC-32C (Castagnoli): the checksum of each byte value.
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
  }
}
