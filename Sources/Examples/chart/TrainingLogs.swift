import AllReduceNN
import ExampleSupport
import Foundation

/// Training logs (`train-classifier --log`), drawn in one chart.
struct TrainingLogs {
  /// The quantity along the horizontal axis, which is a key in the lines of the logs.
  enum Progress: String, CaseIterable {
    case step, seconds

    fileprivate func place(of line: Line) -> Double? {
      self == .step ? Double(line.step) : line.seconds
    }

    fileprivate var axis: LineChart.Axis {
      switch self {
      case .step: LineChart.Axis(title: "Step", label: AxisWords.count)
      case .seconds:
        LineChart.Axis(title: "Seconds since the training began") { $0.formatted(digits: 3) }
      }
    }
  }

  fileprivate struct Line: Decodable {
    let step: Int
    let seconds: Double?
    let loss: Double?
    let test_accuracy: Double?
  }

  private struct Run {
    let name: String
    var loss: [(x: Double, y: Double)] = []
    var accuracy: [(x: Double, y: Double)] = []
  }

  /// The largest number of points drawn per line; of more points, means over intervals of equal length are drawn.
  private static let mostPoints = 200

  private let runs: [Run]
  private let progress: Progress

  init(_ paths: [String], by progress: Progress) throws {
    self.progress = progress
    let names = TrainingLogs.names(paths)
    runs = try zip(paths, names).map { path, name in
      var run = Run(name: name)
      let lines = try FileBytes.text(of: path).split(
        separator: "\n", omittingEmptySubsequences: false)
      for (number, text) in lines.enumerated() where !text.isEmpty {
        guard let line = try? JSONDecoder().decode(Line.self, from: Data(text.utf8)) else {
          // A run that is still in progress may have written only half of the last line.
          if number == lines.count - 1 { break }
          throw ChartError.notWhatIsDrawn(
            path, "line \(number + 1) is not one that train-classifier --log writes")
        }
        guard let place = progress.place(of: line) else { continue }
        if let loss = line.loss { run.loss.append((place, loss)) }
        if let accuracy = line.test_accuracy { run.accuracy.append((place, accuracy)) }
      }
      if run.loss.isEmpty { throw ChartError.notWhatIsDrawn(path, "it has no step yet") }
      return run
    }
  }

  func chart(title: String?, subtitle: String?) -> ChartStack {
    let loss = LineChart(
      title: "", subtitle: "", x: progress.axis,
      y: LineChart.Axis(title: "Loss") { $0.formatted(digits: 3) },
      series: runs.map {
        LineChart.Series(name: $0.name, points: TrainingLogs.thinned($0.loss))
      })
    let accuracy = LineChart(
      title: "", subtitle: "", x: progress.axis,
      y: LineChart.Axis(title: "Test accuracy") { "\(($0 * 100).formatted(digits: 3)) %" },
      series: runs.map { LineChart.Series(name: $0.name, points: $0.accuracy) })
    let points = runs.map(\.loss.count).max() ?? 0
    let mean =
      points > TrainingLogs.mostPoints
      ? ", means of \((points + TrainingLogs.mostPoints - 1) / TrainingLogs.mostPoints) steps" : ""
    return ChartStack(
      title: title ?? (runs.count == 1 ? "Training" : "\(runs.count) trainings"),
      subtitle: subtitle ?? "Loss of the global batch\(mean), and accuracy on the test examples.",
      [loss, accuracy])
  }

  /// Returns the means of the points over intervals of equal length; all points if there are few.
  private static func thinned(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
    let length = (points.count + mostPoints - 1) / mostPoints
    guard length > 1 else { return points }
    return stride(from: 0, to: points.count, by: length).map { start in
      let stretch = points[start..<min(start + length, points.count)]
      let count = Double(stretch.count)
      return (
        stretch.map(\.x).reduce(0, +) / count, stretch.map(\.y).reduce(0, +) / count
      )
    }
  }

  /// Returns names for the files: the shortest ends of their paths, without `.jsonl`, that are all different.
  private static func names(_ paths: [String]) -> [String] {
    let parts = paths.map { path in
      (path.hasSuffix(".jsonl") ? String(path.dropLast(6)) : path).split(separator: "/")
    }
    for length in 1...(parts.map(\.count).max() ?? 1) {
      let names = parts.map { $0.suffix(length).joined(separator: "/") }
      if Set(names).count == names.count { return names }
    }
    return paths
  }
}
