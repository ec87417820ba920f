import AllReduceMPI

/// The error for a file of measured choices that cannot be used.
package struct TuningError: ExitCoded, CustomStringConvertible, Equatable {
  /// The file's name, what is wrong with it, and what to do.
  package let description: String

  /// The exit code of the process: 65, for invalid input data.
  package var exitCode: Int32 { 65 }

  init(file: String, _ reason: String) {
    description =
      "\(file): \(reason). Make it with allreduce-bench --tune, or set ALLREDUCE_TUNING=none."
  }
}

/// Reads and writes files of measured choices; one file may have tables for several placements of ranks.
package enum TuningFile {
  /// The version of the file format.
  package static let version = 1

  /// The smallest segment size allowed, in bytes. Smaller messages are never faster, and a collective could have more
  /// of them than it can number.
  private static let leastSegmentBytes = 4 << 10

  /// Parses the tables in the job's tuning text.
  static func tables(in text: TuningText) throws(TuningError) -> [TuningTable] {
    switch text.content {
    case .success(let said): return try tables(in: said, file: text.file)
    case .failure(let unreadable): throw TuningError(file: text.file, unreadable.reason)
    }
  }

  /// Parses the tables in the text of a file.
  ///
  /// - Parameters:
  ///   - text: The text of the file.
  ///   - file: The name of the file, for errors.
  /// - Returns: The tables, at most one for each placement of ranks.
  /// - Throws: ``TuningError`` with the line and what is wrong.
  package static func tables(in text: String, file: String) throws(TuningError) -> [TuningTable] {
    do throws(JSONReader.Mistake) {
      let root = try JSONReader.read(text, version: TuningFile.version)
      var tables: [TuningTable] = []
      for node in try root.member("tables").elements("tables") {
        let table = try self.table(node)
        if tables.contains(where: { $0.isFor(ranksPerHost: table.ranksPerHost) }) {
          throw node.mistake("has a second table for \(table.ranksPerHost) ranks per host")
        }
        tables.append(table)
      }
      return tables
    } catch {
      throw TuningError(file: file, "line \(error.line) \(error.reason)")
    }
  }

  private static func table(_ node: JSONNode) throws(JSONReader.Mistake) -> TuningTable {
    let list = try node.member("ranks_per_host")
    var ranksPerHost: [Int] = []
    for count in try list.elements("ranks_per_host") {
      ranksPerHost.append(try count.count("ranks_per_host"))
    }
    if ranksPerHost.isEmpty { throw list.mistake("has no rank in ranks_per_host") }
    for (name, expected) in [
      ("ranks", ranksPerHost.reduce(0, +)), ("hosts", ranksPerHost.count),
    ] {
      let said = try node.member(name)
      if try said.count(name) != expected {
        throw said.mistake(
          "has \(said.summary) for \(name), but ranks_per_host \(ranksPerHost) makes \(expected)")
      }
    }
    var steps: [AutomaticChoice.Path: [AutomaticChoice.Step]] = [:]
    for path in AutomaticChoice.Path.allCases {
      steps[path] = try self.steps(
        node.member(path.rawValue), path, hosts: ranksPerHost.count)
    }
    return TuningTable(
      ranksPerHost: ranksPerHost, machine: try node.member("machine").text("machine"),
      date: try node.member("date").text("date"), steps: steps)
  }

  private static func steps(
    _ list: JSONNode, _ path: AutomaticChoice.Path, hosts: Int
  ) throws(JSONReader.Mistake) -> [AutomaticChoice.Step] {
    var steps: [AutomaticChoice.Step] = []
    let nodes = try list.elements(path.rawValue)
    if nodes.isEmpty {
      throw list.mistake("has an empty list \"\(path)\", which must name 1 algorithm or more")
    }
    for (index, node) in nodes.enumerated() {
      let name = try node.member("algorithm")
      let text = try name.text("algorithm")
      guard let algorithm = ReductionAlgorithm(name: text) else {
        throw name.mistake("names \"\(text)\", which is not the name of an algorithm")
      }
      guard TuningTable.allows(algorithm, over: path, hosts: hosts) else {
        throw name.mistake(
          "names \(text) in \(path), where it cannot be chosen on "
            + "\(hosts) host\(hosts == 1 ? "" : "s")")
      }
      let segment = try node.member("segment_bytes")
      let bytes = try segment.countOrNull("segment_bytes")
      if let bytes, bytes < leastSegmentBytes {
        throw segment.mistake(
          "has \(bytes) for segment_bytes, which must be \(leastSegmentBytes) or more")
      }
      let upTo = try node.member("up_to_bytes")
      let limit = try upTo.countOrNull("up_to_bytes")
      if (limit == nil) != (index == nodes.count - 1) {
        throw upTo.mistake(
          "has \(upTo.summary) for up_to_bytes; null stands in the last choice, and only there")
      }
      if let limit, let before = steps.last?.upToBytes, limit <= before {
        throw upTo.mistake("has \(limit) for up_to_bytes after \(before): they have to ascend")
      }
      steps.append(
        AutomaticChoice.Step(
          upToBytes: limit, bytes.map { algorithm.segmented(bytes: $0) } ?? algorithm))
    }
    return steps
  }

  /// Returns the text of a file with these tables.
  package static func text(_ tables: [TuningTable]) -> String {
    let parts = tables.map { table in
      let kinds = AutomaticChoice.Path.allCases.map { kind in
        let rows = (table.steps[kind] ?? []).map { step in
          "        {\"up_to_bytes\": \(step.upToBytes.map(String.init) ?? "null"), "
            + "\"algorithm\": \"\(step.algorithm)\", "
            + "\"segment_bytes\": \(step.algorithm.segmentBytes.map(String.init) ?? "null")}"
        }
        return "      \"\(kind)\": [\n" + rows.joined(separator: ",\n") + "\n      ]"
      }
      return """
            {
              "ranks": \(table.ranksPerHost.reduce(0, +)),
              "hosts": \(table.ranksPerHost.count),
              "ranks_per_host": \(table.ranksPerHost),
              "machine": \(quoted(table.machine)),
              "date": \(quoted(table.date)),

        """ + kinds.joined(separator: ",\n") + "\n    }"
    }
    return "{\n  \"version\": \(version),\n  \"tables\": [\n" + parts.joined(separator: ",\n")
      + "\n  ]\n}\n"
  }

  private static func quoted(_ text: String) -> String {
    // Control characters in a machine's name become spaces.
    let safe = text.unicodeScalars.map { $0.value < 0x20 ? " " : String($0) }.joined()
    return "\""
      + safe.split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\")
      .split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"") + "\""
  }
}
