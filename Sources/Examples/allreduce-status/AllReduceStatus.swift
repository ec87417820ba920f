import AllReduce
import ArgumentParser
import ExampleSupport
import Foundation

/// Shows what each rank of a running job is doing.
@main
struct AllReduceStatus: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "allreduce-status",
    abstract:
      "Shows what each rank of a running job does: its last call, and for which ranks it waits.",
    discussion: """
      Run it on a host of the job, as the user whose job it is. It reads what ranks keep in memory that the \
      system shows to this user alone: no rank has to answer, so it works while ranks are stopped, wait or \
      compute, and costs them nothing. Ranks of other hosts are asked through ssh, which must not want a \
      password; where it cannot, the line says on which host to ask. While a job starts its ranks do not know \
      yet where the others are: name the hosts then.

        .build/release/allreduce-status
        .build/release/allreduce-status 3735552 --calls
        .build/release/allreduce-status --hosts node1,node2

      Ends with 0; 1 if no rank of such a job is seen; 64 for wrong usage, or if there are several jobs.
      """,
    version: ProgramVersion.text)

  @Argument(help: "The launcher's name of the job; may be left out if there is one.")
  var job: String?

  @Option(help: "text for people, json for programs.")
  var format: OutputFormat = .text

  @Flag(
    help:
      "Also compares the last 1,024 calls of all ranks that are seen, communicator by communicator."
  )
  var calls = false

  @Option(
    help: ArgumentHelp(
      "Hosts to ask too, with commas between: while a job starts, its ranks do not know each other's.",
      valueName: "list"))
  var hosts: String?

  @Flag(help: "Leaves out the ranks of other hosts.")
  var here = false

  @Option(
    help: ArgumentHelp(
      "What runs a command on another host: COMMAND HOST PROGRAM ARGUMENTS.", valueName: "command"))
  var rsh = "ssh -o BatchMode=yes -o ConnectTimeout=2"

  @Option(help: ArgumentHelp("How long other hosts may take to answer.", valueName: "seconds"))
  var patience = 3.0

  static func main() {
    ProgramMain.runAlone(AllReduceStatus.self) { command, console in
      try console.print(command.text())
    }
  }

  func validate() throws {
    try OptionBounds.check("patience", patience, below: 3600)
  }

  private func text() throws -> String {
    let all = RankStatus.all()
    // A program of another kind also counts as a job of its launcher.
    let come = all.filter(\.hasCome)
    let jobs = Set((come.isEmpty || job != nil ? all : come).map(\.job)).sorted()
    if let job, !jobs.contains(job) { throw StatusError.noSuchJob(job, jobs) }
    guard let name = job ?? jobs.first else { throw StatusError.noJob }
    if job == nil, jobs.count > 1 { throw StatusError.several(table: StatusError.table(come)) }
    var status = JobStatus(name, all.filter { $0.job == name }, hasCalls: calls)
    if !here {
      let more = hosts?.split(separator: ",").map(String.init) ?? []
      status.askOthers(and: more, rsh, patience: patience)
    }
    return format == .json ? status.json.encoded() : status.text
  }
}

/// Why there is no job to show.
enum StatusError: ExitCoded, CustomStringConvertible {
  case noJob
  case noSuchJob(String, [String])
  case several(table: String)

  var exitCode: Int32 {
    if case .several = self { 64 } else { 1 }
  }

  var description: String {
    switch self {
    case .noJob: "no rank of a job of yours is seen on this host: run it on a host of the job"
    case .noSuchJob(let name, let jobs):
      "no rank of job \(name) is seen on this host, "
        + (jobs.isEmpty ? "and of no other either" : "but of " + jobs.joined(separator: ", "))
    case .several(let table): "there are several jobs; name one:\n" + table
    }
  }

  /// A line for each job: its name, program, number of ranks, and when it began.
  static func table(_ ranks: [RankStatus]) -> String {
    var table = TextTable(
      titles: ["job", "program", "ranks", "since"], alignments: [.right, .left, .right, .left])
    for (job, ranks) in Dictionary(grouping: ranks, by: \.job).sorted(by: { $0.key < $1.key }) {
      let began = ranks.compactMap(\.age).max().map { Date(timeIntervalSinceNow: -$0) }
      table.add([
        job, Set(ranks.compactMap(\.program)).sorted().joined(separator: ", "),
        "\(max(ranks.map(\.size).max() ?? 0, ranks.count))", began.map(StatusError.words) ?? "",
      ])
    }
    return table.text
  }

  /// Returns a time in this host's time zone: "2026-12-01 14:03:10".
  private static func words(_ date: Date) -> String {
    let words = DateFormatter()
    words.locale = Locale(identifier: "en_US_POSIX")
    words.dateFormat = "yyyy-MM-dd HH:mm:ss"
    return words.string(from: date)
  }
}
