internal import CKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Listens for requests to write a checkpoint or to stop: signals to this rank's process or, on rank 0, files in the
/// checkpoint folder.
///
/// SIGTERM and SIGUSR1 ask for a checkpoint and the end of the run; a second signal ends the process. A file `stop`
/// also asks for a checkpoint and the end, a file `save` for a checkpoint only. A file is removed as soon as it is seen,
/// whatever its content; `save` is looked for only while no checkpoint is being written. A process has at most one
/// `RunRequests` at a time.
package final class RunRequests {
  private let folder: String?
  /// Returns whether this rank wants a checkpoint by itself; true only on rank 0.
  private let isDue: (ContinuousClock.Instant) -> Bool
  private let isWriting: () -> Bool
  private var files = StepRequest.none
  private var nextLook: ContinuousClock.Instant

  /// The time between two checks for files: not every step needs to pay for one.
  private static let period = Duration.milliseconds(200)

  /// Starts to listen for signals and files.
  ///
  /// - Parameters:
  ///   - folder: The folder in which rank 0 looks for files; nil to look for none.
  ///   - isDue: Returns whether this rank wants a checkpoint without having been asked for one.
  ///   - isWriting: Returns whether this rank still writes a checkpoint in the background. Another one is not asked for
  ///     meanwhile, since training would wait for the disk.
  package init(
    folder: String?, isDue: @escaping (ContinuousClock.Instant) -> Bool,
    isWriting: @escaping () -> Bool
  ) {
    (self.folder, self.isDue, self.isWriting, nextLook) = (folder, isDue, isWriting, .now)
    ck_catch_signals()
  }

  deinit { ck_release_signals() }

  /// Returns this rank's request at the end of a step. Costs one load and, every 200 ms, a check for two files.
  package func now(_ now: ContinuousClock.Instant) -> StepRequest {
    if let folder, now >= nextLook {
      nextLook = now + RunRequests.period
      if files == .none, !isWriting(), RunRequests.take("\(folder)/save") { files = .save }
      if RunRequests.take("\(folder)/stop") { files = .stop }
    }
    if ck_signals_caught() > 0 { return .stop }
    let request = files == .none && isDue(now) ? .save : files
    return request == .save && isWriting() ? .none : request
  }

  /// Notes that a checkpoint was taken: a request by a file `save` has been met.
  package func didSave() {
    if files == .save { files = .none }
  }

  /// Removes a file, and returns whether it existed. Anything that is not a regular file stays.
  private static func take(_ path: String) -> Bool {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
    return unlink(path) == 0
  }
}
