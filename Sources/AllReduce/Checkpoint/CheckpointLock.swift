internal import AllReduceMPI
internal import AllReduceNN

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The exclusive right of a process to write to a checkpoint's folder: the system's lock (`flock`) on a file in the
/// folder. The system releases the lock when the process ends, however it ends. The text of the file tells a second
/// process which process holds the lock.
final class CheckpointLock {
  private let descriptor: Int32

  /// Takes the lock. Locks nothing on a file system without locks, such as some network file systems.
  ///
  /// - Parameters:
  ///   - folder: The checkpoint's folder.
  ///   - host: The name of this host, for other processes.
  ///   - patience: For how long to wait for another process that holds the lock, in seconds: a killed one ends only when
  ///     the disk has taken what it was writing, or when its host has heard of the end of the job.
  /// - Throws: ``DataError`` that says which process holds the lock, or with the system's reason if the lock's file
  ///   cannot be written.
  init(folder: String, host: String, patience: Double) throws(DataError) {
    let path = "\(folder)/.lock"
    // Another user who could open the file could lock it, and so keep the owner from the folder.
    descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw OutputFile.unwritable(path, errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 1
    else {
      throw DataError(
        file: path, expected: "a file of one name, for the lock of the folder",
        found: "a link or something else", advice: "remove it")
    }
    if status.st_mode & 0o077 != 0 { fchmod(descriptor, 0o600) }
    let start = ContinuousClock.now
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
      if ContinuousClock.now - start < .seconds(patience) {
        sleepThread(seconds: 0.1)
        continue
      }
      throw DataError(
        file: folder, expected: "a folder in which no other job keeps its state",
        found: CheckpointLock.words(descriptor),
        advice: "wait for its end, or name another folder")
    }
    let words = Array("process \(getpid()) on \(host), since \(CheckpointLock.now())\n".utf8)
    guard ftruncate(descriptor, 0) == 0, write(descriptor, words, words.count) == words.count else {
      throw OutputFile.unwritable(path, errno)
    }
  }

  deinit { close(descriptor) }

  /// Whether every user of the machine may create and remove files in a folder.
  static func isOpenToAll(_ folder: String) -> Bool {
    var status = stat()
    return stat(folder, &status) == 0 && status.st_mode & 0o002 != 0
  }

  private static func words(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 200)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    let line = bytes.prefix(max(count, 0)).prefix { $0 != UInt8(ascii: "\n") }
    return line.isEmpty ? "another one that does" : String(decoding: line, as: UTF8.self)
  }

  private static func now() -> String {
    var (seconds, parts) = (time(nil), tm())
    gmtime_r(&seconds, &parts)
    var text = [CChar](repeating: 0, count: 40)
    strftime(&text, text.count, "%Y-%m-%d %H:%M:%S UTC", &parts)
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
