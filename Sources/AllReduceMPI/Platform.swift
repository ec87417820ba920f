#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Returns the time of the monotonic clock in nanoseconds.
package func monotonicNanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}

/// Returns the number of seconds since 1970, by the wall clock.
package func secondsSince1970() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Returns the number of processor cores of this machine that are online.
package func coreCount() -> Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

/// Returns the number of clock ticks in a second, the unit in which the system gives when a process began.
func clockTicksPerSecond() -> Int { max(1, sysconf(Int32(_SC_CLK_TCK))) }

/// Writes to standard error in one call, so that ranks' lines do not mix.
package func writeToStandardError(_ text: String) {
  var text = text
  text.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
}

/// Returns the value of an environment variable, or nil if it is not set.
package func environmentVariable(_ name: String) -> String? {
  getenv(name).map { String(cString: $0) }
}

/// Returns the system's description of an error number.
func errorText(_ code: Int32) -> String { String(cString: strerror(code)) }

/// The error number for a file that is not the expected one.
let otherFile = ESTALE

/// Returns whether an error number means that memory, or a memory file system, is full.
func isShortageOfMemory(_ code: Int32) -> Bool { [ENOMEM, ENOSPC, EFAULT].contains(code) }

/// Flushes all output streams of the C library.
func flushStandardStreams() { fflush(nil) }

/// Ends the process without running anything else.
func endProcess(_ code: Int32) -> Never { _exit(code) }

/// Returns the name of this machine.
func hostName() -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) {
    $0.initialize(repeating: 0)
    gethostname($0.baseAddress!, $0.count - 1)
    return String(cString: $0.baseAddress!)
  }
}

/// Returns the id of the user that this process acts as.
func effectiveUser() -> UInt32 { geteuid() }

/// Returns a file's bytes, the first `most` at most; nil if the file cannot be read.
func bytes(ofFile path: String, atMost most: Int = 1_000_000) -> [UInt8]? {
  let file = open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { return nil }
  defer { close(file) }
  var content: [UInt8] = []
  let piece = 16384
  return withUnsafeTemporaryAllocation(byteCount: piece, alignment: 16) { buffer in
    while content.count < most {
      let count = read(file, buffer.baseAddress, min(piece, most - content.count))
      if count < 0 { return nil }
      if count == 0 { break }
      content.append(contentsOf: buffer[..<count])
    }
    return content
  }
}

/// Returns the names of the files in a folder; none if the folder cannot be read.
func names(inFolder path: String) -> [String] {
  guard let folder = opendir(path) else { return [] }
  defer { closedir(folder) }
  var names: [String] = []
  while let entry = readdir(folder) {
    names.append(
      withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      })
  }
  return names
}

/// Returns the target of a symbolic link; nil for other files.
func target(ofLink path: String) -> String? {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1024) { text in
    let count = readlink(path, text.baseAddress!, text.count)
    guard count >= 0 else { return nil }
    return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Returns the id of the user that owns a file, and the file's inode number; nil if there is no such file.
func owner(ofFile path: String) -> (user: UInt32, number: UInt64)? {
  var status = stat()
  return stat(path, &status) == 0 ? (status.st_uid, UInt64(status.st_ino)) : nil
}

/// Blocks all signals in this thread, so that other threads handle them.
package func blockSignalsInThread() {
  var signals = sigset_t()
  sigfillset(&signals)
  pthread_sigmask(SIG_BLOCK, &signals, nil)
}

/// Lowers the priority of this thread, so that other threads get its core when they need it. Best effort.
package func lowerThreadPriority() {
  #if canImport(Glibc)
    // On Linux each thread has its own priority; 0 stands for the calling thread.
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
  #else
    setpriority(PRIO_DARWIN_THREAD, 0, PRIO_DARWIN_BG)
  #endif
}

/// Yields the core to another process or thread.
package func yieldCore() { sched_yield() }

/// Suspends this thread for `seconds`.
package func sleepThread(seconds: Double) { usleep(UInt32(seconds * 1e6)) }

/// Runs `body` on a new, detached thread. Returns whether the thread could be started.
@discardableResult
package func startDetachedThread(_ body: @escaping @Sendable () -> Void) -> Bool {
  final class Box {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  #if canImport(Glibc)
    var thread = pthread_t()
  #else
    var thread: pthread_t?
  #endif
  let box = Unmanaged.passRetained(Box(body))
  let code = pthread_create(
    &thread, &attributes,
    { argument in
      #if canImport(Glibc)
        let opaque = argument!
      #else
        let opaque = argument
      #endif
      Unmanaged<Box>.fromOpaque(opaque).takeRetainedValue().body()
      return nil
    }, box.toOpaque())
  if code != 0 { box.release() }
  pthread_attr_destroy(&attributes)
  return code == 0
}

/// A value protected by a POSIX mutex, which the thread sanitizer understands (it does not understand
/// `Synchronization.Mutex` on Linux).
package final class Locked<Value>: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private var value: Value

  package init(_ value: sending Value) {
    mutex = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    self.value = value
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Runs `body` on the value, while no other thread accesses the value.
  package func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body(&value)
  }
}
