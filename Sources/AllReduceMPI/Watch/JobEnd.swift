internal import CKernels
internal import CMPI

/// How a rank ends the job: it prints its error first, and ends within a few seconds, even if something hangs.
enum JobEnd {
  /// An exit code that a shell sees as it is: 1...255, the nearest.
  static func exitCode(_ code: Int32) -> Int32 { max(1, min(255, code)) }

  /// Ends this process with a code after `seconds`, whatever it does until then.
  static func limit(
    _ seconds: Double, exitCode: Int32, _ before: @escaping @Sendable () -> Void = {}
  ) {
    let started = startDetachedThread {
      blockSignalsInThread()
      sleepThread(seconds: seconds)
      before()
      endProcess(exitCode)
    }
    if !started {
      before()
      endProcess(exitCode)
    }
  }

  /// Prints an error and ends the job with its code within `seconds`, though `MPI_Abort` may
  /// hang.
  ///
  /// Only the thread that calls MPI may call it.
  static func end(words: String, exitCode code: Int32, within seconds: Double) -> Never {
    let code = JobEnd.exitCode(code)
    Watchdog.shared.stage = .ending
    limit(seconds, exitCode: code)
    writeToStandardError(words)
    flushStandardStreams()
    MPI_Abort(cmpi_comm_world(), code)
    endProcess(code)
  }

  /// Says that a wait has lasted longer than the deadline, and ends the job with 70.
  ///
  /// - Parameters:
  ///   - operation: The waiting operation.
  ///   - awaited: The world ranks that it waits for; nil for all others.
  ///   - waited: Seconds.
  ///   - mayCallMPI: Whether this is the thread that calls MPI, outside of it.
  static func endAtDeadline(
    _ operation: String, awaiting awaited: [Int]?, waited: Double, mayCallMPI: Bool
  ) -> Never {
    let watchdog = Watchdog.shared
    let isSaid = Locked(false)
    // Should the look at other processes hang, as it can where the system is in trouble.
    limit(4, exitCode: 70) {
      if isSaid.withLock({ $0 }) { return }
      writeToStandardError(
        Deadline.message(
          operation, awaiting: awaited.map(describeRanks) ?? "other ranks", waited: waited,
          who: watchdog.who))
    }
    var culprits = watchdog.findCulprits(operation, awaiting: awaited)
    if culprits.isJobEnding {
      // The launcher ends this rank too, in a moment, unless it hangs.
      sleepThread(seconds: 1.5)
      culprits = watchdog.findCulprits(operation, awaiting: awaited)
    }
    let words = culprits.words
    isSaid.withLock { $0 = true }
    writeToStandardError(
      Deadline.message(operation, awaiting: words, waited: waited, who: watchdog.who))
    watchdog.stage = .ending
    // The launcher ends the other ranks when one has failed. It may hang itself, and a rank that is
    // stopped would stay forever.
    endLater(culprits.here.values.filter { $0.rank != culprits.me })
    flushStandardStreams()
    // Ranks that reach their deadline now still see this rank as it was.
    sleepThread(seconds: 0.3)
    if mayCallMPI { MPI_Abort(cmpi_comm_world(), 70) }
    endProcess(70)
  }

  /// Ends processes of this host in 2 seconds, if they are still there then and this process is not.
  private static func endLater(_ ranks: [HostRank]) {
    let left = ranks.filter { $0.state != nil }
    if left.isEmpty { return }
    _ = ck_end_later(
      left.map { Int64($0.process) }, left.map(\.start), Int32(left.count), 2000)
  }
}
