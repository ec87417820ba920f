internal import CKernels
internal import CMPI

/// How a rank ends the job: it prints its error first, and ends within a few seconds, even if something hangs.
enum JobEnd {
  /// Returns the nearest exit code that a shell reports unchanged: 1...255.
  static func exitCode(_ code: Int32) -> Int32 { max(1, min(255, code)) }

  /// Ends this process with an exit code after `seconds`, whatever it does until then; calls `before` first.
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

  /// Prints an error and ends the job with its exit code within `seconds`, even if `MPI_Abort` hangs.
  ///
  /// Only the thread that calls MPI may call this.
  static func end(words: String, exitCode code: Int32, within seconds: Double) -> Never {
    let code = JobEnd.exitCode(code)
    Watchdog.shared.stage = .ending
    limit(seconds, exitCode: code)
    writeToStandardError(words)
    flushStandardStreams()
    MPI_Abort(cmpi_comm_world(), code)
    endProcess(code)
  }

  /// Reports that a wait has lasted longer than the deadline, and ends the job with exit code 70.
  ///
  /// - Parameters:
  ///   - operation: The waiting operation.
  ///   - awaited: The world ranks that the operation waits for; nil for all others.
  ///   - answered: What other ranks have answered about their waits.
  ///   - since: When the wait began, by the monotonic clock.
  ///   - waited: How long the operation has waited, in seconds, without the time for which this process was stopped.
  ///   - mayCallMPI: Whether this is the thread that calls MPI, outside of an MPI call.
  static func endAtDeadline(
    _ operation: String, awaiting awaited: [Int]?, answered: [AnsweredWait], since: UInt64,
    waited: Double, mayCallMPI: Bool
  ) -> Never {
    let watchdog = Watchdog.shared
    watchdog.noteOverdue()
    let isSaid = Locked(false)
    // The look at other processes may hang when the system is in trouble.
    limit(4, exitCode: 70) {
      if isSaid.withLock({ $0 }) { return }
      writeToStandardError(
        Deadline.message(
          operation, awaiting: awaited.map(describeRanks) ?? "other ranks", waited: waited,
          who: watchdog.who))
    }
    func find() -> Culprits {
      watchdog.findCulprits(operation, awaiting: awaited, answered: answered, since: since)
    }
    var culprits = find()
    if culprits.isJobEnding {
      // The launcher ends this rank too, in a moment, unless it hangs.
      sleepThread(seconds: 1.5)
      culprits = find()
    }
    let words = culprits.words
    isSaid.withLock { $0 = true }
    writeToStandardError(
      Deadline.message(
        operation, awaiting: words, waited: waited, who: watchdog.who, cycle: culprits.cycle))
    watchdog.stage = .ending
    if let difference = watchdog.differenceOfCalls(culprits) {
      writeToStandardError("calls of the ranks of \(hostName()): \(difference).\n")
    }
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
