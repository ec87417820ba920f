#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The bytes of a file: the one way in which the library and its programs read files. A file is mapped into
/// memory; what comes from a pipe is read, where pipes are allowed; what gzip has packed is unpacked.
///
/// Mapping reads only the pages that are touched, so a process that reads a part of the file reads only that part.
package final class FileBytes: @unchecked Sendable {
  private let memory: UnsafeMutableRawPointer?
  private let count: Int
  private let isMapped: Bool

  /// All bytes; valid while this object lives.
  package var bytes: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: memory?.assumingMemoryBound(to: UInt8.self), count: count)
  }

  /// The text of a file, which is read as it is, without unpacking.
  ///
  /// - Parameter path: The file; what is not UTF-8 in it becomes U+FFFD.
  /// - Returns: A copy.
  /// - Throws: ``DataError`` if it cannot be read.
  package static func text(of path: String) throws(DataError) -> String {
    let file = try FileBytes(path: path, unpacks: false)
    return withExtendedLifetime(file) { String(decoding: file.bytes, as: UTF8.self) }
  }

  /// Maps or reads a file.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - unpacks: Whether what gzip has packed is unpacked.
  ///   - allowsPipes: Whether it need not be a regular file. Only where one rank alone reads it, once and from
  ///     its start to its end: several readers would each get a part of what a pipe gives.
  /// - Throws: ``DataError`` if it cannot be read.
  package init(
    path: String, unpacks: Bool = true, allowsPipes: Bool = false
  ) throws(DataError) {
    // Opening a pipe without a writer would wait.
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

  /// A copy of bytes that do not come from a file.
  init(copying bytes: [UInt8]) {
    (memory, count, isMapped) = (malloc(max(1, bytes.count)), bytes.count, false)
    bytes.withUnsafeBytes { from in
      guard let start = from.baseAddress else { return }
      memory?.copyMemory(from: start, byteCount: from.count)
    }
  }

  /// Gives the memory of a mapped file's bytes back; bytes that are read again come from the file again.
  ///
  /// - Parameter range: Places in ``bytes``.
  fileprivate func drop(_ range: Range<Int>) {
    guard isMapped, let memory else { return }
    let page = Int(getpagesize())
    let (start, end) = (range.lowerBound / page * page, min(range.upperBound, count) / page * page)
    if start < end { madvise(memory + start, end - start, MADV_DONTNEED) }
  }

  /// Tells the system that bytes are read here and there: it then reads no others ahead.
  func expectSingleRows() {
    guard isMapped, let memory else { return }
    madvise(memory, count, MADV_RANDOM)
  }

  /// Tells the system that bytes will be read soon: it starts to read those that it does not have, without waiting.
  ///
  /// - Parameter range: Places in ``bytes``.
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

/// Releases the memory of a file's bytes once a reader that goes from start to end has passed them, so that a file
/// takes little memory however large it is.
struct ReadBytes {
  private static let most = 2 << 20
  private let file: FileBytes?
  private var done: UnsafePointer<UInt8>
  /// Behind this byte it is time to give some back.
  private var next: UnsafePointer<UInt8>

  /// - Parameters:
  ///   - file: The file; nil gives nothing back.
  ///   - start: The first byte that is read.
  init(of file: FileBytes?, from start: UnsafePointer<UInt8>) {
    (self.file, done, next) = (file, start, start + ReadBytes.most)
  }

  /// The reader has come to a byte.
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
