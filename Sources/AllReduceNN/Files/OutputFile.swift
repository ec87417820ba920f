#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A file that is written; the library and its programs write all files through this type.
///
/// A regular file is replaced as a whole: the data is written to a second file next to it, flushed to the disk, and
/// renamed, so that readers see either the old file or the new one, even after a crash. A file that is not regular,
/// such as a device or a pipe, is written directly, and so is the file that standard output or standard error goes to.
///
/// The name of the second file is fixed, so that repeated crashes leave only one such file. The file is locked, so that
/// two processes that write the same file do not mix their data.
package final class OutputFile {
  /// Who chose the name of the file.
  package enum Name {
    /// The user chose the name: symbolic links are followed.
    case named
    /// The library chose the name, in a folder of its own: any file that has the name is replaced.
    case own
  }

  private enum Way {
    /// Written directly: bytes are visible as soon as they are written.
    case through
    case replacing(target: String, aside: String)
  }

  /// The path of the file.
  package let path: String
  private var way: Way
  /// Whether the file replaces an old one, or is new; then only this process writes to it.
  private let replaces: Bool
  private var descriptor: Int32

  /// Opens a file for writing.
  ///
  /// - Parameters:
  ///   - path: The path of the file, whose folder must exist.
  ///   - name: Who chose the name, the user or the library.
  /// - Throws: ``DataError`` with the system's reason if the file cannot be written.
  package init(path: String, _ name: Name = .named) throws(DataError) {
    self.path = path
    (way, descriptor) = try OutputFile.open(path, name)
    if case .replacing = way { replaces = true } else { replaces = false }
  }

  deinit {
    guard descriptor >= 0 else { return }
    if case .replacing(_, let aside) = way { unlink(aside) }
    close(descriptor)
  }

  /// Appends bytes to the file.
  package func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
    try write(bytes) { Libc.write(descriptor, $0, $1) }
  }

  /// Appends a text to the file, as UTF-8.
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

  /// Appends bytes to a file that replaces an old one: all of them or, where that fails, none.
  package func append(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
    let end = replaces ? lseek(descriptor, 0, SEEK_CUR) : -1
    do {
      try write(bytes)
    } catch {
      if end >= 0, ftruncate(descriptor, end) == 0 { lseek(descriptor, end, SEEK_SET) }
      throw error
    }
  }

  /// Overwrites the first bytes of a file that is to replace an old one.
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

  /// Flushes the file to the disk and puts it in place of the old file. Data written afterwards is visible at once.
  ///
  /// - Parameter beforehand: Called after the file is on the disk and before it replaces the old file; not called for a
  ///   file that is written directly.
  /// - Throws: ``OutputError`` if the file cannot be flushed or cannot replace the old file.
  package func publish(_ beforehand: () -> Void = {}) throws(OutputError) {
    // A device or a pipe cannot be flushed to a disk.
    guard fsync(descriptor) == 0 || [EINVAL, EROFS, ENOTSUP].contains(errno) else {
      throw OutputError(file: path, code: errno)
    }
    guard case .replacing(let target, let aside) = way else { return }
    beforehand()
    guard rename(aside, target) == 0 else { throw OutputError(file: path, code: errno) }
    way = .through
    OutputFile.sync(folder: OutputFile.folder(of: target))
  }

  /// Same as ``publish(_:)``, but also closes the file: nothing can be written afterwards.
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
    // The new file gets the permissions of the old one.
    if isThere, status.isOf(S_IFREG) { fchmod(descriptor, status.st_mode & 0o777) }
    return (.replacing(target: target, aside: aside), descriptor)
  }

  /// Opens a file that is written directly: one that is not regular, one that this process's own output goes to, or one
  /// that no name leads to (`/proc/self/fd/3`). Returns nil for any other file.
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

  /// Returns the path that symbolic links lead to; there need not be a file.
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

  /// Creates a new file and locks it. A file of this name that a crash left behind is removed, whatever it is, and not
  /// written to.
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

  /// Tries to lock a file, and returns whether no other process holds the lock. The lock ends with the process. Also
  /// returns true if the file system has no locks.
  private static func lock(_ descriptor: Int32) -> Bool {
    flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
  }

  private static func isNamed(_ descriptor: Int32, _ path: String) -> Bool {
    var (own, named) = (stat(), stat())
    return fstat(descriptor, &own) == 0 && lstat(path, &named) == 0 && own.isSame(as: named)
  }

  /// Flushes the entries of a folder to the disk, if its file system can do that.
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

  /// Creates the error for a file that cannot be written.
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

/// The system calls whose names are also names of methods in this file.
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
