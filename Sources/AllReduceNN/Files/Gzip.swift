internal import CZlib

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Unpacks data that gzip compressed (RFC 1952), with zlib.
enum Gzip {
  /// Whether bytes begin with the two bytes that mark gzip data.
  static func isPacked(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B
  }

  /// Unpacks all members of a file, one after the other.
  ///
  /// - Parameters:
  ///   - packed: The bytes of the file.
  ///   - path: The path of the file, for messages.
  /// - Returns: Memory from `malloc`, which the caller must free, and the number of bytes used in it.
  /// - Throws: ``DataError`` if the data is damaged, ends too early, or does not fit into memory. `inflate`
  static func unpack(
    _ packed: UnsafeRawBufferPointer, _ path: String
  ) throws(DataError) -> (UnsafeMutableRawPointer?, Int) {
    var stream = z_stream()
    guard cz_inflate_init(&stream) == Z_OK else {
      throw MemoryShortage.tooLarge(path, "unpacked", after: 0)
    }
    defer { inflateEnd(&stream) }
    // zlib counts in 32 bits, so input and output are passed in parts.
    let most = 1 << 30
    var capacity = max(1 << 16, 4 * packed.count)
    var (memory, count, read) = (allocate(capacity), 0, 0)
    // The end of the last complete member.
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

  /// Checks that only zeros, which tapes and disks leave, follow the last member, and that the unpacked data is not
  /// gzip data again.
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

  /// Allocates memory, in huge pages if it is large. Batches are made of examples from all over this memory; with small
  /// pages the processor would look up a page for each example.
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
