import AllReduceMPI
import XCTest

/// Which ranks keep others waiting, and after how long that is said.
final class WaitGraphTests: XCTestCase {
  private func node(
    _ rank: Int, waitsFor awaited: [Int]? = [], in call: String? = nil, _ remark: String? = nil
  ) -> WaitGraph.Node {
    WaitGraph.Node(rank: rank, wait: call, awaited: awaited, remark: remark)
  }

  func testTheRootOfAChainIsNamed() {
    let graph = WaitGraph([
      node(0, waitsFor: [1], in: "ring"), node(1, waitsFor: [2], in: "ring"),
      node(2, waitsFor: [3], in: "tree"), node(3, "is stopped"),
    ])
    XCTAssertEqual(graph.sentences, ["ranks 0, 1 and 2 wait for rank 3, which is stopped"])
  }

  func testRanksThatWaitInACircleForOneThatDoesNotAreNoDeadlock() {
    let graph = WaitGraph([
      node(0, waitsFor: [1, 2], in: "ring"), node(1, waitsFor: [0], in: "ring"), node(2),
    ])
    XCTAssertEqual(graph.sentences, ["ranks 0 and 1 wait for rank 2"])
  }

  func testADeadlockAcrossCommunicatorsIsNamedWithItsCalls() {
    let graph = WaitGraph([
      node(0, waitsFor: [1], in: "barrier"), node(1, waitsFor: [0], in: "broadcast"), node(2),
      node(3, waitsFor: [0], in: "reduce"),
    ])
    XCTAssertEqual(graph.sentences.count, 1)
    XCTAssertTrue(
      graph.sentences[0].hasPrefix("ranks 0 and 1 wait for each other"), graph.sentences[0])
    XCTAssertTrue(graph.sentences[0].contains("rank 1 in broadcast for rank 0"))
  }

  func testOthersAreAllThatAreNotNamed() {
    let graph = WaitGraph([
      node(0, waitsFor: nil, in: "MPI_Finalize"), node(1), node(2, waitsFor: [7], in: "x"),
    ])
    XCTAssertEqual(
      graph.sentences,
      [
        "rank 0 waits for rank 1, rank 7, which is not seen from here",
        "rank 2 waits for rank 7, which is not seen from here",
      ])
  }

  func testALimitIsLearnedFromWaitsOfItsKind() {
    var limits = WaitLimits()
    XCTAssertEqual(limits.limit("barrier", hasBegun: false), 10_000_000_000)
    XCTAssertEqual(limits.limit("barrier", hasBegun: true), 2_000_000_000)
    for seconds in [3, 4, 5, 6, 7] as [UInt64] {
      limits.add("barrier", nanoseconds: seconds * 1_000_000_000)
      limits.add("barrier", nanoseconds: 1000)
      limits.add("reduce", nanoseconds: 20_000_000)
    }
    // The median is 5 s, the median deviation from it 1 s.
    XCTAssertEqual(limits.limit("barrier", hasBegun: true), 13_000_000_000)
    XCTAssertEqual(limits.limit("reduce", hasBegun: true), 2_000_000_000)
  }
}
