internal import CZlib

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Unpacks what gzip has packed (RFC 1952), by zlib.
enum Gzip {
  /// Whether bytes begin as gzip's do.
  static func isPacked(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B
  }

  /// Unpacks all members of a file, one after the other.
  ///
  /// - Parameters:
  ///   - packed: The file's bytes.
  ///   - path: The file's name, for messages.
  /// - Returns: Memory of `malloc`, the caller's to free, and how many bytes of it are used.
  /// - Throws: ``DataError`` if the bytes are damaged or end too early. `inflate`
  static func unpack(
    _ packed: UnsafeRawBufferPointer, _ path: String
  ) throws(DataError) -> (UnsafeMutableRawPointer?, Int) {
    var stream = z_stream()
    guard cz_inflate_init(&stream) == Z_OK else {
      throw MemoryShortage.tooLarge(path, "unpacked", after: 0)
    }
    defer { inflateEnd(&stream) }
    // zlib counts in 32 bits, so both sides are handed over in parts.
    let most = 1 << 30
    var capacity = max(1 << 16, 4 * packed.count)
    var (memory, count, read) = (allocate(capacity), 0, 0)
    // Where the last member that is whole ends.
    var whole = 0
    guard memory != nil else { throw MemoryShortage.tooLarge(path, "unpacked", after: 0) }
    while true {
      if count == capacity {
        let (more, larger) = MemoryShortage.grown(memory, from: capacity)
        guard let more else {
          free(memory)
          throw MemoryShortage.tooLarge(path, "unpacked", after: count)
        }
        (memory, capacity) = (more, larger)
      }
      let (given, room) = (min(most, packed.count - read), min(most, capacity - count))
      stream.next_in = UnsafeMutablePointer(
        mutating: packed.baseAddress!.assumingMemoryBound(to: UInt8.self) + read)
      stream.avail_in = UInt32(given)
      stream.next_out = memory!.assumingMemoryBound(to: UInt8.self) + count
      stream.avail_out = UInt32(room)
      let status = inflate(&stream, Z_NO_FLUSH)
      read += given - Int(stream.avail_in)
      count += room - Int(stream.avail_out)
      if status == Z_STREAM_END {
        whole = read
        let rest = UnsafeRawBufferPointer(rebasing: packed[read...])
        if !isPacked(rest) {
          do {
            try check(rest, UnsafeRawBufferPointer(start: memory, count: count), path)
          } catch {
            free(memory)
            throw error
          }
          return (memory, count)
        }
        inflateReset(&stream)
      } else if status != Z_OK {
        let what = stream.msg.map { String(cString: $0) }
        free(memory)
        throw damaged(
          path, status == Z_BUF_ERROR ? "its end" : "\"\(what ?? "error \(status)")\"",
          read: read, of: packed.count, whole)
      }
    }
  }

  /// Makes sure that nothing but zeros, which tapes and disks leave, follows the last member, and that what
  /// was unpacked is not packed itself.
  private static func check(
    _ rest: UnsafeRawBufferPointer, _ unpacked: UnsafeRawBufferPointer, _ path: String
  ) throws(DataError) {
    if !rest.allSatisfy({ $0 == 0 }) {
      throw DataError(
        file: path, expected: "nothing but what gzip packed",
        found: "\(rest.count) bytes of something else after it",
        advice: "download or copy the file again, or cut its end off with head -c -\(rest.count)")
    }
    if isPacked(unpacked) {
      throw DataError(
        file: path, expected: "data that gzip packed once", found: "data packed twice",
        advice: "unpack it once, with gzip -dc FILE >NEW.gz, and name that")
    }
  }

  /// Memory in large pages, if it is much: batches are made of examples from all over it, and with
  /// small pages the processor would look up a page for each.
  private static func allocate(_ count: Int) -> UnsafeMutableRawPointer? {
    guard MemoryShortage.allows(count) else { return nil }
    var memory: UnsafeMutableRawPointer?
    let page = 2 << 20
    guard count >= 2 * page, posix_memalign(&memory, page, count) == 0 else {
      return malloc(count)
    }
    #if os(Linux)
      madvise(memory, count, MADV_HUGEPAGE)
    #endif
    return memory
  }

  private static func damaged(
    _ path: String, _ what: String, read: Int, of count: Int, _ whole: Int
  ) -> DataError {
    DataError(
      file: path, expected: "complete data packed by gzip",
      found: "\(what) after \(read) of \(count) bytes",
      advice: "download or copy the file again"
        + (whole > 0 ? ", or keep only the complete data with head -c \(whole)" : ""))
  }
}
