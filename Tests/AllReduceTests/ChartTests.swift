import ExampleSupport
import Foundation
import XCTest

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// Charts, looked at as text.
final class ChartTests: XCTestCase {
  private func chart(_ series: [LineChart.Series]) -> String {
    LineChart(
      title: "Times <of> calls", subtitle: "here",
      x: LineChart.Axis(title: "Bytes", base: 2) { "\($0)" },
      y: LineChart.Axis(title: "Seconds", base: 10, label: AxisWords.duration), series: series
    ).svg()
  }

  private func line(_ name: String, _ kind: LineChart.Series.Kind = .ours) -> LineChart.Series {
    LineChart.Series(name: name, points: [(4, 1e-6), (64, 1e-5), (0, 1), (8, .nan)], kind: kind)
  }

  /// What cannot be drawn on a logarithmic axis is left out, and all is well-formed.
  func testChartsAreXML() {
    for count in [1, 4, 12] {
      let text = chart((0..<count).map { line("line \($0)") } + [line("bound", .yardstick)])
      XCTAssertTrue(XMLParser(data: Data(text.utf8)).parse())
      XCTAssertFalse(text.contains("nan") || text.contains("inf"))
      XCTAssertTrue(text.contains("Times &lt;of&gt; calls"))
      XCTAssertTrue(text.contains("prefers-color-scheme:dark"))
      for number in 0..<count { XCTAssertTrue(text.contains(">line \(number)<")) }
    }
  }

  /// What is ours and what is another's share no colour.
  func testPeersHaveColorsOfTheirOwn() {
    let used = Palette.ours.filter {
      chart([line("a", .peer), line("b", .peer)]).contains("=\"\($0)\"")
    }
    XCTAssertEqual(used, [])
    XCTAssertTrue(Set(Palette.ours).isDisjoint(with: Palette.peers))
  }

  /// Ticks stand at round numbers, and 0 has no sign.
  func testLinearTicks() {
    XCTAssertEqual(AxisTicks.round(upTo: 97, atMost: 5), [0, 20, 40, 60, 80])
    XCTAssertEqual(
      AxisTicks.round(upTo: 0.3, atMost: 3).map { "\($0)" },
      ["0.0", "0.1", "0.2", "0.30000000000000004"])
  }

  func testBars() {
    let text = BarChart(
      title: "Staleness", subtitle: "", xTitle: "updates", yTitle: "share",
      bars: [(0, 0.25), (2, 0.75)]
    ).svg()
    XCTAssertTrue(XMLParser(data: Data(text.utf8)).parse())
    XCTAssertEqual(
      text.components(separatedBy: "fill=\"\(Palette.ours[0])\"").count, 4,
      "two bars, and the rule for dark pages")
  }
}
