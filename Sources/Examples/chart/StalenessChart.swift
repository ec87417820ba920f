import AllReduceNN
import ExampleSupport
import Foundation

/// A chart of how stale the gradients were in a training run with parameter servers, from the run's JSON output.
struct StalenessChart {
  private struct Output: Decodable {
    struct Staleness: Decodable {
      let unit: String
      let mean: Double
      let maximum: Int
      let histogram: [[Int]]
    }
    let ranks: Int?
    let staleness: Staleness
  }

  private let output: Output

  init(path: String) throws {
    let text = try FileBytes.text(of: path)
    guard let output = try? JSONDecoder().decode(Output.self, from: Data(text.utf8)),
      output.staleness.histogram.allSatisfy({ $0.count == 2 }), !output.staleness.histogram.isEmpty
    else {
      throw ChartError.notWhatIsDrawn(
        path,
        "it has no staleness; give the output of train-classifier --strategy downpour --format json"
      )
    }
    self.output = output
  }

  func chart(title: String?, subtitle: String?) -> BarChart {
    let staleness = output.staleness
    let all = Double(staleness.histogram.map { $0[1] }.reduce(0, +))
    return BarChart(
      title: title ?? "Staleness of gradients",
      subtitle: subtitle
        ?? "\(Int(all).grouped) updates, mean \(staleness.mean.formatted(digits: 3)), maximum \(staleness.maximum).",
      xTitle:
        "Updates by other workers between reading the weights and applying the gradient",
      yTitle: "Share of all updates",
      bars: staleness.histogram.map { ($0[0], all > 0 ? Double($0[1]) / all : 0) })
  }
}
