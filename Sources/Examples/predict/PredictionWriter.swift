import AllReduce
import ExampleSupport

/// Writes predictions to a file or to standard output, as they are computed.
final class PredictionWriter {
  private let format: PredictionFormat
  private let columns: PredictionColumns
  private let console: RankConsole
  private let path: String
  private let count: Int
  /// The output file; nil for standard output and for NPY, which is written at the end.
  private let file: OutputFile?
  private var numbers: [Float] = []
  private var classes: [Int32] = []
  private var rows = 0

  init(
    _ format: PredictionFormat, to path: String, _ columns: PredictionColumns, count: Int,
    _ console: RankConsole
  ) throws {
    (self.format, self.columns, self.console) = (format, columns, console)
    (self.path, self.count) = (path, count)
    file = path == "-" || format == .npy ? nil : try OutputFile(path: path)
    switch format {
    case .csv: try write(columns.names.map(PredictionWriter.field).joined(separator: ",") + "\n")
    case .json: try write("[\n")
    case .npy: break
    }
  }

  /// Writes the predictions for some of the network's outputs, `columns.width` numbers per prediction.
  func add(_ outputs: ArraySlice<Float>) throws {
    var text = ""
    for start in stride(from: outputs.startIndex, to: outputs.endIndex, by: columns.width) {
      let row = outputs[start..<start + columns.width]
      rows += 1
      if columns.format.predictsNumbers {
        addNumbers(columns.numbers(row), &text)
      } else {
        addClass(row, &text)
      }
    }
    if format != .npy { try write(text) }
  }

  private func addNumbers(_ values: [Double], _ text: inout String) {
    // Float prints only as many digits as the network computes with.
    let values = values.map { Float($0) }
    switch format {
    case .npy: numbers += values
    case .csv: text += values.map { "\($0)" }.joined(separator: ",") + "\n"
    case .json:
      let members = zip(columns.names, values).map { ($0, JSONValue.number(shown: $1)) }
      text += JSONValue.object(members).encodedOnOneLine() + (rows < count ? ",\n" : "\n")
    }
  }

  private func addClass(_ outputs: ArraySlice<Float>, _ text: inout String) {
    let (best, probability) = columns.classify(outputs)
    let probabilities =
      columns.hasProbabilities ? columns.probabilities(outputs).map { Float($0) } : []
    switch format {
    case .npy:
      if columns.hasProbabilities {
        numbers += probabilities
      } else {
        classes.append(Int32(best))
      }
    case .csv:
      text += PredictionWriter.field(columns.name(ofClass: best))
      text += ",\(Float(probability))"
      if columns.hasProbabilities { for value in probabilities { text += ",\(value)" } }
      text += "\n"
    case .json:
      let name = columns.name(ofClass: best)
      var members: [(String, JSONValue)] = [
        ("prediction", columns.format.classes == nil ? .integer(best) : .text(name)),
        ("probability", .number(shown: Float(probability))),
      ]
      if columns.hasProbabilities {
        members.append(
          (
            "probabilities",
            .object(
              probabilities.enumerated().map {
                (columns.name(ofClass: $0.offset), .number(shown: $0.element))
              })
          ))
      }
      text += JSONValue.object(members).encodedOnOneLine() + (rows < count ? ",\n" : "\n")
    }
  }

  /// Completes the output and closes the file.
  func finish() throws {
    switch format {
    case .csv: break
    case .json: try write("]\n")
    case .npy:
      let width = columns.width
      if columns.format.predictsNumbers || columns.hasProbabilities {
        let sizes = width == 1 ? [rows] : [rows, width]
        try NPYArray(sizes: sizes, elements: numbers).write(npy: path)
      } else {
        try NPYArray(sizes: [rows], elements: classes).write(npy: path)
      }
    }
    try file?.finish()
  }

  private func write(_ text: String) throws {
    guard !text.isEmpty else { return }
    if let file { try file.write(text) } else { try console.print(text) }
  }

  /// Returns a text as a field of a CSV file, quoted where necessary.
  private static func field(_ text: String) -> String {
    guard text.contains(where: { ",\"\n\r".contains($0) }) else { return text }
    return "\""
      + text.split(separator: "\"", omittingEmptySubsequences: false)
      .joined(separator: "\"\"") + "\""
  }
}

extension JSONValue {
  /// Creates a JSON number with only the digits that a Float has.
  fileprivate static func number(shown value: Float) -> JSONValue {
    .number(Double("\(value)") ?? Double(value))
  }
}
