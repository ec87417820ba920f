import AllReduce
import AllReduceMPI
import Foundation

/// A job one of whose ranks stops itself (SIGSTOP) at a place of its start, its run or its end.
struct StoppedRank {
  /// `stop-before-start`, `stop-in-start`, `stop-split`, `stop-duplicate`, `stop-arena`,
  /// `stop-reduction` or `stop-finalize`.
  let place: String
  /// Whether it is this rank.
  let isStopped: Bool

  /// Runs this rank of the job.
  func run() throws {
    stop(at: "stop-before-start")
    if isStopped && place == "stop-in-start" {
      // Of the 0.1 s or more that MPI takes to start.
      let moment = UInt32.random(in: 5_000...60_000)
      Thread.detachNewThread {
        usleep(moment)
        kill(getpid(), SIGSTOP)
      }
    }
    _ = try MPI.start(.funneled)
    try use(MPI.world())
    stop(at: "stop-finalize")
    try MPI.finish()
    if MPI.launchedRank == 0 { print("survived") }
  }

  private func use(_ world: Communicator) throws {
    stop(at: "stop-split")
    _ = try world.split(color: 0)
    stop(at: "stop-duplicate")
    _ = try world.duplicate()
    stop(at: "stop-arena")
    let arena = try Arena<Float>(count: 1000, over: world)
    stop(at: "stop-reduction")
    try world.allReduce(arena.values, .sum)
    try world.barrier()
  }

  private func stop(at here: String) {
    if isStopped && here == place { kill(getpid(), SIGSTOP) }
  }
}
