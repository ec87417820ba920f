import AllReduce
import XCTest

/// How many examples the schemes have in the divided layers at once.
final class TransitionTests: XCTestCase {
  func testLaterSchemesNeedAPartOfTheMemory() {
    for ranks in 1...8 {
      let rows = [Int](repeating: 8 * ranks, count: ranks)
      XCTAssertEqual(Transition.a.largestTurn(rows), 8 * ranks * ranks)
      XCTAssertEqual(Transition.b.largestTurn(rows), 8 * ranks)
      XCTAssertEqual(Transition.c.largestTurn(rows), 8 * ranks)
    }
    XCTAssertEqual(Transition.a.largestTurn([3, 0, 5]), 8)
    XCTAssertEqual(Transition.b.largestTurn([3, 0, 5]), 5)
    XCTAssertEqual(Transition.c.largestTurn([3, 0, 5]), 3)
  }
}
