internal import AllReduceNN

/// How another program calls a network's tensors: its names for paths here, whole or the first parts of them.
///
/// `["0": "features.0", "15.weight": "head.kernel"]`: 0.weight is features.0.weight there. The longest path wins.
struct WeightNames {
  let names: [String: String]

  init(_ names: [String: String]) { self.names = names }

  /// Reads a file: a JSON object.
  ///
  /// - Throws: ``DataError``.
  init(file path: String) throws(DataError) {
    func wrong(_ line: Int?, _ found: String) -> DataError {
      DataError(
        file: path, line: line, expected: "a JSON object of strings, {\"0\": \"features.0\"}",
        found: found, advice: "give each path of the network the name that it has in the weights")
    }
    let text = try FileBytes.text(of: path)
    let node: JSONNode
    do {
      node = try JSONReader.read(text)
    } catch {
      throw wrong(error.line, "text that \(error.reason)")
    }
    guard case .object(let members) = node.value else { throw wrong(node.line, node.summary) }
    var names: [String: String] = [:]
    for (name, node) in members {
      guard case .text(let text) = node.value else { throw wrong(node.line, node.summary) }
      names[name] = text
    }
    self.init(names)
  }

  /// The name there of a path here.
  func name(of path: String) -> String {
    var front = Substring(path)
    while true {
      if let name = names[String(front)] { return name + path[front.endIndex...] }
      guard let point = front.lastIndex(of: ".") else { return path }
      front = front[..<point]
    }
  }

  /// Those of some names that are most like one, and of its shape if there are any.
  static func nearest(
    to name: String, _ shapes: [Shape], among entries: [SafetensorsEntry]
  ) -> [SafetensorsEntry] {
    entries.map { (distance($0.name, name) + (shapes.contains($0.shape) ? 0 : 100), $0) }
      .sorted { $0.0 < $1.0 }.prefix(3).map(\.1)
  }

  /// How many characters are to be changed, put in or left out (Levenshtein, 1966).
  private static func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a.utf8), Array(b.utf8))
    var row = Array(0...b.count)
    for (i, left) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, right) in b.enumerated() {
        let changed = diagonal + (left == right ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(changed, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[b.count]
  }
}
