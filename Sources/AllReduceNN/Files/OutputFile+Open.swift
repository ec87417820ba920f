#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How a file is opened for writing.
extension OutputFile {
  static func open(
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

  static func folder(of path: String) -> String {
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

/// The system call whose name is also that of a method in this file.
private enum Libc {
  static func open(_ path: String, _ flags: Int32, _ mode: mode_t = 0) -> Int32 {
    #if canImport(Glibc)
      Glibc.open(path, flags, mode)
    #else
      Darwin.open(path, flags, mode)
    #endif
  }
}
