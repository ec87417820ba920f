package import AllReduceMPI
package import AllReduce
import Foundation

/// Ranks as threads of this process, each running its schedule over a ``ThreadTransport``.
package enum ThreadCluster {
  /// Runs a collective on all ranks' buffers, in place, and waits for its end.
  ///
  /// - Throws: What a rank's run failed with.
  package static func run<Scalar: ReducibleScalar>(
    _ collective: Collective, _ algorithm: ReductionAlgorithm.Kind,
    _ operation: ReductionOperation, on buffers: [UnsafeMutableBufferPointer<Scalar>],
    segment: Int, wireFormat: WireFormat = .full, repeating times: Int = 1
  ) throws {
    let size = buffers.count
    let hub = ThreadTransport.Hub(size: size)
    let failures = Failures()
    let group = DispatchGroup()
    let addresses = buffers.map { UInt(bitPattern: $0.baseAddress) }
    let count = buffers[0].count
    for rank in 0..<size {
      let thread = Thread {
        let schedule = Schedule(
          collective, by: algorithm, rank: rank, size: size, count: count, segment: segment,
          wireFormat: wireFormat)
        let run = ScheduleRun(
          ScheduleProgram(schedule), stride: Scalar.scalarType.stride,
          over: ThreadTransport(rank: rank, hub: hub), title: "\(collective) by \(algorithm)")
        let base = UnsafeMutableRawPointer(bitPattern: addresses[rank])
        for turn in 0..<times {
          if let base, count > 0 {
            run.start(
              on: base, combining: .of(operation, Scalar.scalarType),
              ticket: Ticket(number: UInt64(turn), running: 0))
          }
          while !run.advance() { yieldCore() }
          if let failure = run.failure { failures.add("rank \(rank): \(failure)") }
        }
        group.leave()
      }
      group.enter()
      thread.start()
    }
    group.wait()
    try failures.check()
  }

  private final class Failures: @unchecked Sendable {
    private let lock = NSLock()
    private var texts: [String] = []

    func add(_ text: String) { lock.withLock { texts.append(text) } }

    func check() throws {
      if !texts.isEmpty { throw ClusterError(description: texts.joined(separator: "; ")) }
    }
  }

  private struct ClusterError: Error, CustomStringConvertible {
    let description: String
  }
}
