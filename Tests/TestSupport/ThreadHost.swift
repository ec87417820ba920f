package import AllReduce
package import AllReduceMPI
import Foundation

/// The ranks of a host as threads of this process: the same shared-memory collectives on ordinary
/// memory.
package enum ThreadHost {
  /// One rank's view.
  package struct Member {
    /// This rank's number.
    package let rank: Int
    /// The flags and slots.
    package let lines: HostLines
    /// Where each rank's elements begin.
    package let parts: UnsafeMutablePointer<UnsafeMutableRawPointer>
    /// Room for an address a rank.
    package let elements: UnsafeMutablePointer<UnsafeMutableRawPointer>

    /// Runs a collective on the parts, as on an arena.
    package func runInPlace(
      _ collective: Collective, _ operation: ReductionOperation, _ type: ScalarType, count: Int,
      place: Int = 0
    ) throws {
      let call = next(collective, operation, type, count, isInPlace: true)
      call.announce(lines, place: place)
      try InPlaceReduction(
        lines: lines, kernel: .of(operation, type), call: call, parts: parts, elements: elements
      ).run()
    }

    /// All-reduces memory of this thread's own, no more than fits a slot.
    package func exchange(_ values: UnsafeMutableRawPointer, count: Int, _ type: ScalarType) throws
    {
      let call = next(.allReduce, .sum, type, count, isInPlace: false)
      try WholeExchange(lines: lines, kernel: .of(.sum, type), call: call).allReduce(values)
    }

    /// All-reduces this rank's part as memory that no other rank can reach.
    package func runThroughSlots(
      _ operation: ReductionOperation, _ type: ScalarType, count: Int, pieceBytes: Int
    ) throws {
      let call = next(.allReduce, operation, type, count, isInPlace: false)
      let kernel = ReductionKernel.of(operation, type)
      if count * type.stride <= WholeExchange.limit(ranks: lines.size) {
        try WholeExchange(lines: lines, kernel: kernel, call: call).allReduce(parts[rank])
      } else {
        try StagedReduction(lines: lines, kernel: kernel, call: call)
          .allReduce(parts[rank], pieceBytes: pieceBytes)
      }
    }

    private func next(
      _ collective: Collective, _ operation: ReductionOperation, _ type: ScalarType, _ count: Int,
      isInPlace: Bool
    ) -> HostCall {
      lines.call += 1
      let call = Call(
        .allReduce, operation, type, count: count, segment: isInPlace ? 1 : 0)
      return HostCall(
        number: lines.call, signature: call.hash, collective: collective, count: count)
    }
  }

  /// Runs `body` on as many threads as there are ranks, each with a part of `bytes` bytes.
  ///
  /// - Returns: What each rank's body threw.
  package static func run(
    size: Int, bytes: Int, _ body: @escaping @Sendable (Member) throws -> Void
  ) -> [any Error] {
    func allocate(_ count: Int) -> UnsafeMutableRawPointer {
      let memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 64), alignment: 4096)
      memory.initializeMemory(as: UInt8.self, repeating: 0, count: max(count, 64))
      return memory
    }
    let areas = (0..<size).map { _ in UInt(bitPattern: allocate(HostLines.areaBytes)) }
    let parts = (0..<size).map { _ in UInt(bitPattern: allocate(bytes)) }
    let errors = Errors()
    let group = DispatchGroup()
    for rank in 0..<size {
      group.enter()
      Thread {
        defer { group.leave() }
        let traffic = TrafficCounters.allocate()
        defer { traffic.deinitialize(count: 1).deallocate() }
        let lines = HostLines(
          rank: rank, areas: areas.map { UnsafeMutableRawPointer(bitPattern: $0)! }, patience: 20,
          traffic: traffic
        ) { _, since in
          // A few looks, then sleep, so that both are seen.
          yieldCore()
          return (since + 1, since > 3)
        }
        defer { lines.deallocate() }
        let addresses = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: 2 * size)
        defer { addresses.deallocate() }
        for owner in 0..<size {
          (addresses + owner).initialize(to: UnsafeMutableRawPointer(bitPattern: parts[owner])!)
          (addresses + size + owner).initialize(to: addresses[owner])
        }
        do {
          try body(
            Member(rank: rank, lines: lines, parts: addresses, elements: addresses + size))
        } catch {
          errors.add(error)
        }
      }.start()
    }
    group.wait()
    for address in areas + parts { UnsafeMutableRawPointer(bitPattern: address)!.deallocate() }
    return errors.all
  }

  private final class Errors: @unchecked Sendable {
    private let lock = NSLock()
    private var list: [any Error] = []

    func add(_ error: any Error) { lock.withLock { list.append(error) } }

    var all: [any Error] { lock.withLock { list } }
  }
}
