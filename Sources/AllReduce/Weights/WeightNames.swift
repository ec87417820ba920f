internal import AllReduceNN

/// The names that another program uses for a network's tensors, given for whole paths or for their leading parts.
///
/// With `["0": "features.0", "15.weight": "head.kernel"]`, the tensor 0.weight is features.0.weight in that program.
/// The longest matching path wins.
struct WeightNames {
  let names: [String: String]

  init(_ names: [String: String]) { self.names = names }

  /// Creates names from a file that holds a JSON object of strings.
  ///
  /// - Throws: ``DataError`` if the file cannot be read or has other contents.
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

  /// Returns the other program's name for a path of the network.
  func name(of path: String) -> String {
    var front = Substring(path)
    while true {
      if let name = names[String(front)] { return name + path[front.endIndex...] }
      guard let point = front.lastIndex(of: ".") else { return path }
      front = front[..<point]
    }
  }

  /// Returns up to three entries with the names most like `name`, preferably with one of the given shapes.
  static func nearest(
    to name: String, _ shapes: [Shape], among entries: [SafetensorsEntry]
  ) -> [SafetensorsEntry] {
    entries.map { (distance($0.name, name) + (shapes.contains($0.shape) ? 0 : 100), $0) }
      .sorted { $0.0 < $1.0 }.prefix(3).map(\.1)
  }

  /// Returns the number of bytes to replace, insert or delete to turn `a` into `b` (Levenshtein, 1966).
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
