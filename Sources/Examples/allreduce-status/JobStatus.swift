import AllReduce
import ExampleSupport
import Foundation

/// The status of a job: its ranks, as far as this host can see them or other hosts report them.
struct JobStatus {
  let job: String
  private(set) var rows: [RankRow]
  /// Whether the last calls of the ranks are compared.
  private let hasCalls: Bool
  /// The number of ranks of the job; 0 while it is not known.
  private let size: Int
  /// The hosts whose ranks cannot be seen from this host, and the ranks known to run there.
  private var elsewhere: [String: [Int]] = [:]
  /// The part of another host's JSON answer that is used.
  private struct Answer: Decodable { let rows: [RankRow] }

  /// Creates the status of a job from its ranks that are seen on this host.
  init(_ job: String, _ seen: [RankStatus], hasCalls: Bool) {
    (self.job, self.hasCalls) = (job, hasCalls)
    rows = seen.map { RankRow($0, hasCalls: hasCalls) }
    size = seen.map(\.size).max() ?? 0
    let known = Set(rows.map(\.rank))
    let hosts = Set(seen.map { $0.place(ofRank: $0.rank)?.host ?? $0.host })
    for rank in 0..<size where !known.contains(rank) {
      guard let place = seen.lazy.compactMap({ $0.place(ofRank: rank) }).first else { continue }
      if hosts.contains(place.host) {
        rows.append(
          RankRow(rank: rank, process: place.process, host: place.host, condition: "gone"))
      } else {
        elsewhere[place.host, default: []].append(rank)
      }
    }
    rows.sort { $0.rank < $1.rank }
  }

  /// Asks the other hosts of the job and those in `named`, all at the same time, for at most `patience` seconds; adds
  /// the rows of their ranks.
  mutating func askOthers(and named: [String], _ rsh: String, patience: Double) {
    let here = Set(rows.map(\.host))
    for host in named where !here.contains(host) && elsewhere[host] == nil { elsewhere[host] = [] }
    let program = URL(fileURLWithPath: CommandLine.arguments[0]).standardizedFileURL.path
    var asked: [(host: String, process: Process, output: Pipe)] = []
    for host in elsewhere.keys.sorted() {
      let (process, output) = (Process(), Pipe())
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments =
        rsh.split(separator: " ").map(String.init)
        + [host, program, job, "--here", "--format", "json"] + (hasCalls ? ["--calls"] : [])
      (process.standardInput, process.standardError) = (
        FileHandle.nullDevice, FileHandle.nullDevice
      )
      process.standardOutput = output
      if (try? process.run()) != nil { asked.append((host, process, output)) }
    }
    let end = Date() + patience
    for (host, process, output) in asked {
      // Read by a thread of its own: an answer about some thousand ranks would fill the pipe if nothing read it.
      let answer = Locked(Data())
      let reader = Thread {
        let data = output.fileHandleForReading.readDataToEndOfFile()
        answer.withLock { $0 = data }
      }
      reader.start()
      while !(reader.isFinished && !process.isRunning), Date() < end { usleep(5_000) }
      if process.isRunning { process.terminate() }
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      guard let told = try? decoder.decode(Answer.self, from: answer.withLock({ $0 })) else {
        continue
      }
      let known = Set(rows.map(\.rank))
      rows += told.rows.filter { !known.contains($0.rank) }
      elsewhere[host] = nil
    }
    rows.sort { $0.rank < $1.rank }
    // Once all ranks are known, a host that has not answered has none of them, or its ranks are known already.
    let known = Set(rows.map(\.rank))
    for (host, ranks) in elsewhere where ranks.allSatisfy(known.contains) && known.count == size {
      elsewhere[host] = nil
    }
  }

  /// The ranks whose host is not known.
  private var unknown: [Int] {
    let known = Set(rows.map(\.rank) + elsewhere.values.joined())
    return (0..<size).filter { !known.contains($0) }
  }

  private var waits: [String] {
    let seen = Set(rows.map(\.rank))
    return WaitGraph(
      rows.compactMap(\.node), missing: (0..<size).filter { !seen.contains($0) }
    ).sentences
  }

  /// Sentences about the calls in which ranks differ; nil if they were not asked for.
  private var calls: [String]? {
    guard hasCalls else { return nil }
    let made = rows.compactMap { row in row.calls.map { (row.rank, $0.map(\.made)) } }
    return CallComparison.sentences(Dictionary(made) { first, _ in first })
  }

  /// The status as a JSON object with the keys of docs/schemas.md.
  var json: JSONValue {
    .object([
      ("job", .text(job)), ("ranks", .integer(size)), ("rows", .list(rows.map(\.json))),
      (
        "not_seen",
        .list(
          elsewhere.sorted { $0.key < $1.key }.map {
            .object([("host", .text($0.key)), ("ranks", .integers($0.value))])
          })
      ),
      ("waits", .list(waits.map { .text($0) })),
      ("calls", calls.map { .list($0.map { .text($0) }) } ?? .null),
    ])
  }

  /// The status as text: a table of the ranks, sentences about what they wait for, and the training's progress.
  var text: String {
    var table = TextTable(
      titles: [
        "rank", "host", "process", "does", "for", "in, or called last", "number", "waits for",
        "limits",
      ],
      alignments: [.right, .left, .right, .left, .right, .left, .right, .left, .left])
    for row in rows {
      table.add([
        "\(row.rank)", row.host, "\(row.process)", row.condition,
        row.seconds.map { "\($0.formatted(decimals: 1)) s" } ?? "", row.wait ?? row.lastCall ?? "",
        row.number.map { $0.grouped } ?? "",
        row.wait == nil ? "" : row.awaited.map { describeRanks($0) } ?? "the others", row.limits,
      ])
    }
    let count = size == 0 ? "\(rows.count) ranks seen" : "\(size) ranks"
    var parts = ["job \(job): \(count)", table.text]
    parts += elsewhere.sorted { $0.key < $1.key }.map {
      $0.value.isEmpty
        ? "\($0.key) has not answered"
        : "\(describeRanks($0.value)) on \($0.key): ask on that host"
    }
    if !unknown.isEmpty {
      parts.append(
        "\(describeRanks(unknown)): not known yet where; name the hosts by --hosts")
    }
    let sentences = waits + (calls ?? [])
    if !sentences.isEmpty { parts.append(sentences.joined(separator: "\n")) }
    if let progress = rows.lazy.compactMap(\.progress).first { parts.append(progress.text) }
    return parts.joined(separator: "\n\n")
  }
}
