import AllReduce
import ExampleSupport
import Foundation

/// The ranks of a job, as far as they are seen.
struct JobStatus {
  let job: String
  private(set) var rows: [RankRow]
  /// Sentences about calls in which ranks differ; nil if they were not asked for.
  var calls: [String]?

  /// The ranks of the job; 0 before it is known.
  private let size: Int
  /// Hosts whose ranks are not seen from here, with these ranks.
  private var elsewhere: [String: [Int]] = [:]
  /// The beginning of an answer of another host.
  private struct Answer: Decodable { let rows: [RankRow] }

  /// Takes the ranks that are seen here.
  init(_ job: String, _ seen: [RankStatus]) {
    self.job = job
    rows = seen.map { RankRow($0) }
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

  /// Asks the other hosts, and those that the user has named, all at once.
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
        + [host, program, job, "--here", "--format", "json"]
      (process.standardInput, process.standardError) = (
        FileHandle.nullDevice, FileHandle.nullDevice
      )
      process.standardOutput = output
      if (try? process.run()) != nil { asked.append((host, process, output)) }
    }
    let end = Date() + patience
    for (host, process, output) in asked {
      // An answer of some thousand ranks would fill a pipe that is not read.
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
    // A host that has none of the job's ranks, or has told them all.
    let known = Set(rows.map(\.rank))
    for (host, ranks) in elsewhere where ranks.allSatisfy(known.contains) && known.count == size {
      elsewhere[host] = nil
    }
  }

  /// The ranks of which nothing is known.
  private var unknown: [Int] {
    let known = Set(rows.map(\.rank) + elsewhere.values.joined())
    return (0..<size).filter { !known.contains($0) }
  }

  private var waits: [String] { WaitGraph(rows.map(\.node)).sentences }

  /// One object with the keys of docs/schemas.md.
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

  /// A table, what the waits are for, and how far the work is.
  var text: String {
    var table = TextTable(
      titles: [
        "rank", "host", "process", "does", "for", "in, or called last", "number", "waits for",
      ],
      alignments: [.right, .left, .right, .left, .right, .left, .right, .left])
    for row in rows {
      table.add([
        "\(row.rank)", row.host, "\(row.process)", row.condition,
        row.seconds.map { "\($0.formatted(decimals: 1)) s" } ?? "", row.wait ?? row.lastCall ?? "",
        row.number.map { $0.grouped } ?? "",
        row.wait == nil ? "" : row.awaited.map { describeRanks($0) } ?? "the others",
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
