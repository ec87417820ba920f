import AllReduce
import AllReduceMPI
import XCTest

/// The communicator of all ranks, for tests that every rank runs alike.
///
/// MPI is initialised once, at the first use, and finalised when all tests have run. Without mpirun
/// there is one rank.
enum World {
  // Tests run one after the other on the main thread.
  nonisolated(unsafe) private static var made: Communicator?

  static func communicator() throws -> Communicator {
    if let made { return made }
    _ = try MPI.start(.funneled)
    let world = try MPI.world()
    made = world
    XCTestObservationCenter.shared.addTestObserver(Observer())
    return world
  }

  private final class Observer: NSObject, XCTestObservation {
    func testBundleDidFinish(_ testBundle: Bundle) {
      do {
        try World.made?.barrier()
        World.made = nil
        try MPI.finish()
      } catch {
        fatalError("MPI could not be finalised: \(error)")
      }
    }
  }
}

/// A test that all ranks run together.
class CollectiveTestCase: XCTestCase {
  /// All ranks.
  func world() throws -> Communicator { try World.communicator() }

  /// Compares numbers up to a part of the larger of 1 and what is expected.
  func assertClose(
    _ a: some Collection<Double>, _ b: some Collection<Double>, _ tolerance: Double,
    _ what: String, file: StaticString = #filePath, line: UInt = #line
  ) {
    XCTAssertEqual(a.count, b.count, what, file: file, line: line)
    let worst = zip(a, b).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? 0
    XCTAssertLessThanOrEqual(worst, tolerance, what, file: file, line: line)
  }

  /// Whether all ranks hold the same bits; the same answer on every rank.
  func isEqualOnAllRanks(_ hash: Int64, _ world: Communicator) throws -> Bool {
    Set(try world.allGatherNatively(Int(hash))).count == 1
  }
}

extension Communicator {
  /// Every algorithm that works for this placement of ranks.
  var usableAlgorithms: [ReductionAlgorithm] {
    ReductionAlgorithm.all.filter { $0 != .sharedMemory || hosts.count == 1 }
  }
}

/// The algorithms that send messages by a schedule.
let algorithmsWithSchedules: [ReductionAlgorithm] = ReductionAlgorithm.all.filter {
  ![.automatic, .sharedMemory, .hierarchical, .native].contains($0)
}
