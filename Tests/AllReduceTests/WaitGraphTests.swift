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

  func testRanksThatStartMPITogetherAreNoDeadlock() {
    func starting(_ rank: Int, _ call: String?) -> WaitGraph.Node {
      WaitGraph.Node(
        rank: rank, wait: call, awaited: nil, isAtEdge: true,
        remark: call == nil ? "is stopped" : nil)
    }
    let (first, second) = (starting(0, "MPI_Init_thread"), starting(1, "MPI_Allgather"))
    XCTAssertEqual(WaitGraph([first, second]).sentences, [])
    XCTAssertEqual(
      WaitGraph([first, second, starting(2, nil)]).sentences,
      ["ranks 0 and 1 wait for rank 2, which is stopped"])
    XCTAssertEqual(
      WaitGraph([first], missing: [1]).sentences,
      ["rank 0 waits for rank 1, which is not seen from here"])
  }

  func testACycleIsOnlyOfRanksThatAllWait() {
    let waiting = [
      node(0, waitsFor: [1], in: "receive"), node(1, waitsFor: [0], in: "send"),
      node(2, waitsFor: [0], in: "receive"),
    ]
    XCTAssertEqual(WaitGraph(waiting).cycle(awaitedBy: 2), [0, 1])
    XCTAssertEqual(
      WaitGraph(waiting).links([0, 1]), "rank 0 in receive for rank 1; rank 1 in send for rank 0")
    let other = [node(0, waitsFor: [1, 3], in: "receive")] + waiting[1...]
    XCTAssertEqual(WaitGraph(other).cycle(awaitedBy: 2), [])
  }

  private func made(_ calls: [(UInt64, UInt64, String)], on id: UInt64 = 1)
    -> [CallComparison.MadeCall]
  {
    calls.reversed().map {
      CallComparison.MadeCall(communicator: id, number: $0.0, running: $0.1, words: $0.2)
    }
  }

  func testTheFirstCallAtWhichRanksDifferIsNamed() {
    let calls = [
      0: made([(1, 11, "barrier"), (2, 12, "reduce"), (3, 13, "split")]),
      1: made([(1, 11, "barrier"), (2, 12, "reduce"), (3, 13, "split")]),
      2: made([(1, 11, "barrier"), (2, 22, "gather")]),
    ]
    let sentence =
      "communicator 1: ranks differ from call 2 on: ranks 0 and 1 called reduce, rank 2 called gather"
    XCTAssertEqual(
      CallComparison.difference(calls, waiting: (1, 3), awaited: [2]), sentence)
    XCTAssertEqual(
      CallComparison.sentences(calls),
      ["communicator 1: ranks 0 and 1 at call 3, split; rank 2 at call 2, gather", sentence])
  }

  func testRanksThatAreAbsentFromTheCallAreNamed() {
    let calls = [
      0: made([(1, 11, "barrier"), (2, 12, "reduce")]), 1: made([(1, 11, "barrier")]),
      2: made([(5, 5, "gather")], on: 9), 3: made([(6, 6, "gather")], on: 9),
    ]
    // Rank 3 is not of the communicator.
    XCTAssertEqual(
      CallComparison.difference(calls, waiting: (1, 2), awaited: [1, 2]),
      "communicator 1: rank 0 made call 2, reduce; ranks 1 and 2 did not")
    XCTAssertNil(CallComparison.difference(calls, waiting: nil, awaited: [1, 2]))
  }

  /// As after an error of all ranks, from which they went on.
  func testADifferenceThatHasEndedIsNotNamed() {
    let calls = [
      0: made([(1, 11, "barrier"), (2, 12, "reduce")]),
      1: made([(1, 21, "gather"), (2, 12, "reduce")]),
    ]
    XCTAssertNil(CallComparison.difference(calls, waiting: (1, 2), awaited: [1]))
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
