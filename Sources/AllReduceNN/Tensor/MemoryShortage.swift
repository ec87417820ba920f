internal import CKernels

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// What happens when memory is short: the process ends if its own tensors need more; reading a file throws instead.
enum MemoryShortage {
  /// Requests smaller than this number of bytes are not checked, since a check takes half a millisecond.
  private static let least = 64 << 20

  /// Ends the process if a request exceeds the memory that the machine has left. Linux allocates a page when it is
  /// first touched, and would kill some process at that time without a message.
  static func check(_ bytes: Int) {
    if !allows(bytes) { end(needing: bytes) }
  }

  /// Whether this number of bytes is available; true for small requests, which are not checked.
  static func allows(_ bytes: Int) -> Bool {
    if bytes < least { return true }
    let room = ck_memory_room()
    return bytes <= Swift.min(room.system, room.group, room.addresses)
  }

  /// Enlarges a block from `malloc` and keeps its contents: to twice the size, or by a quarter if twice is not
  /// available. If neither is, returns nil and leaves the old block unchanged.
  static func grown(
    _ memory: UnsafeMutableRawPointer?, from capacity: Int
  ) -> (memory: UnsafeMutableRawPointer?, capacity: Int) {
    for larger in [max(1 << 16, 2 * capacity), capacity + capacity / 4]
    where larger > capacity && allows(larger) {
      if let more = realloc(memory, larger) { return (more, larger) }
    }
    return (nil, capacity)
  }

  /// Returns the error for a file whose contents do not fit into memory.
  static func tooLarge(_ path: String, _ what: String, after bytes: Int) -> DataError {
    DataError(
      file: path, expected: "no more than fits into memory",
      found: "more than \(text(bytes)) when it is \(what)",
      advice: "read a smaller file, or read it where there is more memory")
  }

  /// Prints how much memory is needed and how much is available, and ends the process with exit code 70.
  static func end(needing bytes: Int) -> Never {
    let room = ck_memory_room()
    let memory = Swift.min(room.system, room.group)
    var available: [String] = []
    if memory < .max { available.append("only \(text(Int(memory))) are available") }
    if room.addresses < .max {
      available.append("ulimit -v leaves only \(text(Int(room.addresses))) of address space")
    }
    let words = available.isEmpty ? "" : ", but " + available.joined(separator: ", and ")
    var sentence =
      "error: memory: weights, gradients or results need \(text(bytes))\(words)\n"
    fflush(nil)
    sentence.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    _exit(70)
  }

  private static func text(_ bytes: Int) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) {
      ck_byte_text(Int64(bytes), $0.baseAddress!)
      return String(cString: $0.baseAddress!)
    }
  }
}
