#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Nanoseconds of the monotonic clock.
package func monotonicNanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}

/// Writes to standard error in one call, so that ranks' lines do not mix.
package func writeToStandardError(_ text: String) {
  var text = text
  text.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
}

/// The value of an environment variable, or nil.
package func environmentVariable(_ name: String) -> String? {
  getenv(name).map { String(cString: $0) }
}

/// Writes out what the C library still holds of standard output.
func flushStandardStreams() { fflush(nil) }

/// Ends the process without running anything else.
func endProcess(_ code: Int32) -> Never { _exit(code) }

/// Lets another process or thread use the core.
package func yieldCore() { sched_yield() }

/// Sleeps this thread.
package func sleepThread(seconds: Double) { usleep(UInt32(seconds * 1e6)) }

/// Runs `body` on a thread of its own that nobody waits for.
func startDetachedThread(_ body: @escaping @Sendable () -> Void) {
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
}

/// A value behind a POSIX mutex, which the thread sanitizer understands (it does not see into
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

  /// Runs `body` while no other thread runs one.
  package func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body(&value)
  }
}
