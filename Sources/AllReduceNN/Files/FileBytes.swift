#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The bytes of a file; the library and its programs read all files through this type. A regular file is mapped into
/// memory; a pipe, where allowed, is read; a file compressed with gzip is unpacked.
///
/// Of a mapped file, only the pages that are accessed are read from the disk, so that a process that needs a part of
/// the file reads only that part.
package final class FileBytes: @unchecked Sendable {
  private let memory: UnsafeMutableRawPointer?
  private let count: Int
  private let isMapped: Bool

  /// All bytes of the file; valid while this object lives.
  package var bytes: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: memory?.assumingMemoryBound(to: UInt8.self), count: count)
  }

  /// Reads the text of a file as it is, without unpacking it.
  ///
  /// - Parameter path: The file; bytes that are not UTF-8 become U+FFFD.
  /// - Returns: A copy of the text.
  /// - Throws: ``DataError`` if the file cannot be read.
  package static func text(of path: String) throws(DataError) -> String {
    let file = try FileBytes(path: path, unpacks: false)
    return withExtendedLifetime(file) { String(decoding: file.bytes, as: UTF8.self) }
  }

  /// Maps or reads a file.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - unpacks: Whether a file compressed with gzip is unpacked.
  ///   - allowsPipes: Whether the file may also be a pipe or a device. Only for a file that one rank alone reads, once
  ///     and from start to end: if several ranks read a pipe, each gets only a part of the data.
  /// - Throws: ``DataError`` if the file cannot be read.
  package init(
    path: String, unpacks: Bool = true, allowsPipes: Bool = false
  ) throws(DataError) {
    // Without O_NONBLOCK, opening a pipe that has no writer would block.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | (allowsPipes ? 0 : O_NONBLOCK))
    guard descriptor >= 0 else { throw FileBytes.unreadable(path, errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FileBytes.unreadable(path, errno) }
    if status.st_mode & S_IFMT == S_IFDIR {
      throw DataError(
        file: path, expected: "a file", found: "a directory",
        advice: "name a file inside it")
    }
    guard allowsPipes || status.st_mode & S_IFMT == S_IFREG else {
      throw DataError(
        file: path, expected: "a regular file, which ranks can read in parts and more than once",
        found: "a pipe or a device", advice: "write what it gives into a file, and name that")
    }
    let whole: (memory: UnsafeMutableRawPointer?, count: Int, isMapped: Bool)
    if status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 {
      let size = Int(status.st_size)
      let mapped = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
      guard let mapped, mapped != MAP_FAILED else { throw FileBytes.unreadable(path, errno) }
      whole = (mapped, size, true)
    } else {
      let (memory, count) = try FileBytes.readAll(descriptor, path)
      whole = (memory, count, false)
    }
    let packed = UnsafeRawBufferPointer(start: whole.memory, count: whole.count)
    if unpacks, Gzip.isPacked(packed) {
      defer { FileBytes.release(whole.memory, whole.count, isMapped: whole.isMapped) }
      (memory, count) = try Gzip.unpack(packed, path)
      isMapped = false
    } else {
      (memory, count, isMapped) = whole
    }
  }

  /// Creates an object that has a copy of bytes that do not come from a file.
  init(copying bytes: [UInt8]) {
    (memory, count, isMapped) = (malloc(max(1, bytes.count)), bytes.count, false)
    bytes.withUnsafeBytes { from in
      guard let start = from.baseAddress else { return }
      memory?.copyMemory(from: start, byteCount: from.count)
    }
  }

  /// Releases the memory of a range of a mapped file. If these bytes are accessed again, they are read from the file
  /// again.
  ///
  /// - Parameter range: A range of indices of ``bytes``.
  fileprivate func drop(_ range: Range<Int>) {
    guard isMapped, let memory else { return }
    let page = Int(getpagesize())
    let (start, end) = (range.lowerBound / page * page, min(range.upperBound, count) / page * page)
    if start < end { madvise(memory + start, end - start, MADV_DONTNEED) }
  }

  /// Tells the system that bytes will be read in random order, so that it does not read ahead.
  func expectSingleRows() {
    guard isMapped, let memory else { return }
    madvise(memory, count, MADV_RANDOM)
  }

  /// Tells the system that bytes will be read soon, so that it starts to read the missing ones from the disk. Does not
  /// wait.
  ///
  /// - Parameter range: A range of indices of ``bytes``.
  func willRead(_ range: Range<Int>) {
    guard isMapped, let memory else { return }
    let start = range.lowerBound / Int(getpagesize()) * Int(getpagesize())
    madvise(memory + start, min(range.upperBound, count) - start, MADV_WILLNEED)
  }

  deinit {
    FileBytes.release(memory, count, isMapped: isMapped)
  }

  private static func release(_ memory: UnsafeMutableRawPointer?, _ count: Int, isMapped: Bool) {
    if isMapped { munmap(memory!, count) } else { free(memory) }
  }

  private static func readAll(
    _ descriptor: Int32, _ path: String
  ) throws(DataError) -> (UnsafeMutableRawPointer?, Int) {
    var (memory, capacity, count) = (nil as UnsafeMutableRawPointer?, 0, 0)
    while true {
      if count == capacity {
        let (more, larger) = MemoryShortage.grown(memory, from: capacity)
        guard let more else {
          free(memory)
          throw MemoryShortage.tooLarge(path, "read", after: count)
        }
        (memory, capacity) = (more, larger)
      }
      let got = read(descriptor, memory! + count, capacity - count)
      if got == 0 { return (memory, count) }
      if got > 0 {
        count += got
      } else if errno != EINTR {
        let code = errno
        free(memory)
        throw unreadable(path, code)
      }
    }
  }

  private static func unreadable(_ path: String, _ code: Int32) -> DataError {
    DataError(
      file: path, expected: "a file that can be read",
      found: code == ENOENT ? "no such file" : "\"\(String(cString: strerror(code)))\"",
      advice: "check the path and its permissions")
  }
}

/// Releases the memory of a file's bytes after a sequential reader has passed them, so that even a large file takes
/// little memory.
struct ReadBytes {
  private static let most = 2 << 20
  private let file: FileBytes?
  private var done: UnsafePointer<UInt8>
  /// When the reader is past this byte, memory is released.
  private var next: UnsafePointer<UInt8>

  /// Creates an object that follows one sequential reader of a file.
  ///
  /// - Parameters:
  ///   - file: The file; nil to release nothing.
  ///   - start: The first byte that is read.
  init(of file: FileBytes?, from start: UnsafePointer<UInt8>) {
    (self.file, done, next) = (file, start, start + ReadBytes.most)
  }

  /// Notes that the reader has reached a byte. About every 2 MiB, releases the memory of the bytes before it.
  @inline(__always)
  mutating func reach(_ place: UnsafePointer<UInt8>) {
    if place > next { drop(to: place) }
  }

  private mutating func drop(to place: UnsafePointer<UInt8>) {
    guard let file, let base = file.bytes.baseAddress else { return }
    file.drop(done - base..<place - base)
    (done, next) = (place, place + ReadBytes.most)
  }
}
