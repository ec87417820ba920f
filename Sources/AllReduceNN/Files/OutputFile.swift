#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A file to write: the one way in which the library and its programs write files.
///
/// A regular file is replaced whole: it is written under another name beside the old one, brought to the disk
/// and renamed, so that a reader of the name sees the old file or the new one, after a crash too. What is no
/// regular file, such as a device or a pipe, is written through, and so is the file that standard output or
/// standard error goes to.
///
/// The other name is fixed, so that what a crash leaves behind does not pile up. It is locked: two processes
/// that write the same file do not mix.
package final class OutputFile {
  /// Whether the user or the program chose the name.
  package enum Name {
    /// A user's: links are followed.
    case named
    /// The library's own, in a folder that it keeps: whatever has the name is replaced.
    case own
  }

  private enum Way {
    /// Bytes are visible as soon as they are written.
    case through
    case replacing(target: String, aside: String)
  }

  /// The name that the file has.
  package let path: String
  private var way: Way
  private var descriptor: Int32

  /// Begins a file.
  ///
  /// - Parameters:
  ///   - path: Its name; its folder must be there.
  ///   - name: Whether the user or the program chose the name.
  /// - Throws: ``DataError`` with the system's reason if it cannot be written.
  package init(path: String, _ name: Name = .named) throws(DataError) {
    self.path = path
    (way, descriptor) = try OutputFile.open(path, name)
  }

  deinit {
    guard descriptor >= 0 else { return }
    if case .replacing(_, let aside) = way { unlink(aside) }
    close(descriptor)
  }

  /// Appends bytes.
  package func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
    try write(bytes) { Libc.write(descriptor, $0, $1) }
  }

  /// Appends a text.
  package func write(_ text: String) throws(OutputError) {
    let bytes = Array(text.utf8)
    do {
      try bytes.withUnsafeBytes { try write($0) }
    } catch let error as OutputError {
      throw error
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// Writes bytes in place of the first ones, in a file that is replaced.
  package func replaceStart(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
    var place: off_t = 0
    try write(bytes) {
      let written = pwrite(descriptor, $0, $1, place)
      if written > 0 { place += off_t(written) }
      return written
    }
  }

  private func write(
    _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawPointer, Int) -> Int
  ) throws(OutputError) {
    guard let start = bytes.baseAddress else { return }
    var place = 0
    while place < bytes.count {
      let written = body(start + place, min(bytes.count - place, 1 << 30))
      if written > 0 {
        place += written
      } else if errno != EINTR {
        throw OutputError(file: path, code: errno)
      }
    }
  }

  /// Makes sure that all is on the disk, and takes the place of the old file. What is written afterwards is
  /// seen at once.
  ///
  /// - Parameter beforehand: Called when all is on the disk, and before the old file is replaced.
  /// - Throws: ``OutputError`` if it is not.
  package func publish(_ beforehand: () -> Void = {}) throws(OutputError) {
    // A device or a pipe has no disk.
    guard fsync(descriptor) == 0 || [EINVAL, EROFS, ENOTSUP].contains(errno) else {
      throw OutputError(file: path, code: errno)
    }
    guard case .replacing(let target, let aside) = way else { return }
    beforehand()
    guard rename(aside, target) == 0 else { throw OutputError(file: path, code: errno) }
    way = .through
    OutputFile.sync(folder: OutputFile.folder(of: target))
  }

  /// Same as ``publish(_:)``; nothing can be written afterwards.
  package func finish(_ beforehand: () -> Void = {}) throws(OutputError) {
    try publish(beforehand)
    let code = close(descriptor) == 0 ? 0 : errno
    descriptor = -1
    if code != 0, code != EINTR { throw OutputError(file: path, code: code) }
  }
}

extension OutputFile {
  private static func open(
    _ path: String, _ name: Name
  ) throws(DataError) -> (way: Way, descriptor: Int32) {
    var target = path
    var status = stat()
    let isThere = (name == .named ? stat(path, &status) : lstat(path, &status)) == 0
    if isThere, status.isOf(S_IFDIR) { throw unwritable(path, EISDIR) }
    if name == .named {
      target = try followed(path)
      if isThere, let descriptor = try through(path, status, target) {
        return (.through, descriptor)
      }
    }
    if isThere, access(target, W_OK) != 0 { throw unwritable(path, errno) }
    let aside = "\(folder(of: target))/.\(target.split(separator: "/").last ?? "").new"
    let descriptor = try make(aside, for: path)
    // The owner's permissions stay.
    if isThere, status.isOf(S_IFREG) { fchmod(descriptor, status.st_mode & 0o777) }
    return (.replacing(target: target, aside: aside), descriptor)
  }

  /// Opens what is not replaced: what is no regular file, what this process's own output goes to, and what no
  /// name leads to (`/proc/self/fd/3`). Nil for others.
  private static func through(
    _ path: String, _ status: stat, _ target: String
  ) throws(DataError) -> Int32? {
    for output in [STDOUT_FILENO, STDERR_FILENO] {
      var other = stat()
      if status.isOf(S_IFREG), fstat(output, &other) == 0, other.isSame(as: status) {
        let copy = fcntl(output, F_DUPFD_CLOEXEC, 3)
        if copy < 0 { throw unwritable(path, errno) }
        return copy
      }
    }
    var named = stat()
    if status.isOf(S_IFREG), stat(target, &named) == 0, named.isSame(as: status) { return nil }
    let flags = status.isOf(S_IFREG) ? O_TRUNC : 0
    let descriptor = Libc.open(path, O_WRONLY | O_CLOEXEC | flags)
    if descriptor < 0 { throw unwritable(path, errno) }
    return descriptor
  }

  /// The name that links lead to, which need not be there.
  private static func followed(_ path: String) throws(DataError) -> String {
    var path = path
    for _ in 0..<40 {
      guard let next = linked(path) else { return path }
      path = next.hasPrefix("/") ? next : folder(of: path) + "/" + next
    }
    throw unwritable(path, ELOOP)
  }

  private static func linked(_ path: String) -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX) + 1) { room in
      let count = readlink(path, room.baseAddress!, Int(PATH_MAX))
      guard count >= 0 else { return nil }
      room[count] = 0
      return String(cString: room.baseAddress!)
    }
  }

  /// Makes a new file and locks it. One that a crash left is removed, whatever it is: nothing is written
  /// into it.
  private static func make(_ aside: String, for path: String) throws(DataError) -> Int32 {
    for _ in 0..<10 {
      let descriptor = Libc.open(
        aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
      if descriptor >= 0 {
        if lock(descriptor), isNamed(descriptor, aside) { return descriptor }
        close(descriptor)
      } else {
        guard errno == EEXIST else { throw unwritable(path, errno) }
        let left = Libc.open(aside, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)
        defer { if left >= 0 { close(left) } }
        if left >= 0, !lock(left) {
          throw DataError(
            file: path, expected: "no other process that writes it", found: "one that does",
            advice: "wait for its end, or name another file")
        }
        if unlink(aside) != 0, errno != ENOENT { throw unwritable(path, errno) }
      }
    }
    throw unwritable(path, EBUSY)
  }

  /// Whether no other process has the lock, which ends with the process. True too where the file system has none.
  private static func lock(_ descriptor: Int32) -> Bool {
    flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
  }

  private static func isNamed(_ descriptor: Int32, _ path: String) -> Bool {
    var (own, named) = (stat(), stat())
    return fstat(descriptor, &own) == 0 && lstat(path, &named) == 0 && own.isSame(as: named)
  }

  /// Brings a folder's names to the disk. Some file systems cannot do that; then there is no more to be done.
  package static func sync(folder: String) {
    let descriptor = Libc.open(folder, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The error for a file that cannot be written.
  package static func unwritable(_ path: String, _ code: Int32) -> DataError {
    DataError(
      file: path, expected: "a file that can be written",
      found: "\"\(String(cString: strerror(code)))\"",
      advice: "check the path, its permissions and the room on the disk")
  }
}

extension stat {
  fileprivate func isOf(_ kind: mode_t) -> Bool { st_mode & S_IFMT == kind }

  fileprivate func isSame(as other: stat) -> Bool {
    st_dev == other.st_dev && st_ino == other.st_ino
  }
}

/// The system's calls whose names are also methods here.
private enum Libc {
  static func open(_ path: String, _ flags: Int32, _ mode: mode_t = 0) -> Int32 {
    #if canImport(Glibc)
      Glibc.open(path, flags, mode)
    #else
      Darwin.open(path, flags, mode)
    #endif
  }

  static func write(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    #if canImport(Glibc)
      Glibc.write(descriptor, bytes, count)
    #else
      Darwin.write(descriptor, bytes, count)
    #endif
  }
}
