#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A background thread that runs jobs for one other thread, one job at a time.
final class BackgroundWorker {
  /// The state that the worker's owner and the background thread share. It lives until the thread has ended, which may
  /// be after the worker is released.
  private final class Desk: @unchecked Sendable {
    let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    // Both variables are accessed only while the mutex is locked.
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

    /// Runs the loop of the background thread, which executes jobs until the worker is released.
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

  /// Starts the thread; nil if the system cannot create one.
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

  /// Hands a job to the thread, after waiting until the previous job has completed.
  func start(_ job: @escaping @Sendable () -> Void) {
    pthread_mutex_lock(desk.mutex)
    while desk.job != nil { pthread_cond_wait(desk.changed, desk.mutex) }
    desk.job = job
    pthread_cond_signal(desk.changed)
    pthread_mutex_unlock(desk.mutex)
  }

  /// Waits until the current job, if there is one, has completed.
  func wait() {
    pthread_mutex_lock(desk.mutex)
    while desk.job != nil { pthread_cond_wait(desk.changed, desk.mutex) }
    pthread_mutex_unlock(desk.mutex)
  }
}
