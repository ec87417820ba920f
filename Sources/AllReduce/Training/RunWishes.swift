internal import CKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Requests to this rank during a run: by a signal to its process, or, at rank 0, by a file in
/// the folder of the states.
///
/// SIGTERM and SIGUSR1 ask for a state and the end; a second one ends the process. So does a file `stop`; a file `save`
/// asks for a state alone. Files are removed when they are read, whatever is in them. A process has one at a time.
final class RunWishes {
  private let folder: String?
  /// Whether a state is due, on rank 0.
  private let isDue: (ContinuousClock.Instant) -> Bool
  private var files = StepWish.none
  private var nextLook: ContinuousClock.Instant

  /// Seconds between two looks at the folder: a step need not pay for one.
  private static let period = Duration.milliseconds(200)

  /// Begins to listen.
  ///
  /// - Parameters:
  ///   - folder: Where rank 0 looks for files; nil for no files.
  ///   - isDue: Whether this rank wants a state for a reason of its own.
  init(folder: String?, isDue: @escaping (ContinuousClock.Instant) -> Bool = { _ in false }) {
    (self.folder, self.isDue, nextLook) = (folder, isDue, .now)
    ck_catch_signals()
  }

  deinit { ck_release_signals() }

  /// This rank's wish at the end of a step. A load, and now and then a check of two file names.
  func now(_ now: ContinuousClock.Instant) -> StepWish {
    if let folder, now >= nextLook {
      nextLook = now + RunWishes.period
      if RunWishes.take("\(folder)/save"), files == .none { files = .save }
      if RunWishes.take("\(folder)/stop") { files = .stop }
    }
    if ck_signals_caught() > 0 { return .stop }
    return files == .none && isDue(now) ? .save : files
  }

  /// The state has been written.
  func didSave() {
    if files == .save { files = .none }
  }

  /// Removes a file, and returns whether it existed. Anything that is not a file stays.
  private static func take(_ path: String) -> Bool {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
    return unlink(path) == 0
  }
}
