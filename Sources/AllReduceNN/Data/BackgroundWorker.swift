#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A thread that does one job at a time for one other thread.
final class BackgroundWorker {
  /// What the two threads share; it outlives the worker until the thread has ended.
  private final class Desk: @unchecked Sendable {
    let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    // Both only under the mutex.
    var job: (@Sendable () -> Void)?
    var hasEnded = false

    init() {
      pthread_mutex_init(mutex, nil)
      pthread_cond_init(changed, nil)
    }

    deinit {
      pthread_cond_destroy(changed)
      pthread_mutex_destroy(mutex)
      changed.deallocate()
      mutex.deallocate()
    }

    /// The loop of the thread: it ends when the worker is released.
    func serve() {
      pthread_mutex_lock(mutex)
      while !hasEnded {
        if let job {
          pthread_mutex_unlock(mutex)
          job()
          pthread_mutex_lock(mutex)
          self.job = nil
          pthread_cond_signal(changed)
        } else {
          pthread_cond_wait(changed, mutex)
        }
      }
      pthread_mutex_unlock(mutex)
    }
  }

  private let desk = Desk()

  /// Starts the thread; nil if the system gives none.
  init?() {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    #if canImport(Glibc)
      var thread = pthread_t()
    #else
      var thread: pthread_t?
    #endif
    let shared = Unmanaged.passRetained(desk)
    let code = pthread_create(
      &thread, &attributes,
      { argument in
        let argument: UnsafeMutableRawPointer? = argument
        Unmanaged<Desk>.fromOpaque(argument!).takeRetainedValue().serve()
        return nil
      }, shared.toOpaque())
    if code != 0 {
      shared.release()
      return nil
    }
  }

  deinit {
    pthread_mutex_lock(desk.mutex)
    desk.hasEnded = true
    pthread_cond_signal(desk.changed)
    pthread_mutex_unlock(desk.mutex)
  }

  /// Hands over a job, once the one before has been done.
  func start(_ job: @escaping @Sendable () -> Void) {
    pthread_mutex_lock(desk.mutex)
    while desk.job != nil { pthread_cond_wait(desk.changed, desk.mutex) }
    desk.job = job
    pthread_cond_signal(desk.changed)
    pthread_mutex_unlock(desk.mutex)
  }

  /// Waits until the job has been done.
  func wait() {
    pthread_mutex_lock(desk.mutex)
    while desk.job != nil { pthread_cond_wait(desk.changed, desk.mutex) }
    pthread_mutex_unlock(desk.mutex)
  }
}
