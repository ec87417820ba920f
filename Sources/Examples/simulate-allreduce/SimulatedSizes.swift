import AllReduce
import AllReduceMPI
import ArgumentParser
import ExampleSupport
import Foundation

/// The sizes and algorithms to simulate, from the checked options.
struct SimulatedSizes {
  /// The result of one simulation.
  struct Result {
    let algorithm: ReductionAlgorithm
    let ranks: Int
    let hosts: Int
    let bytes: Int
    let seconds: Double
  }

  /// The largest number of schedule steps. A ring with this number takes some seconds to simulate; with more, memory
  /// runs out first.
  private static let mostSteps = 20_000_000
  private static let mostRanks = 1 << 20

  let algorithms: [ReductionAlgorithm]
  let ranks: [Int]
  let bytes: [Int]
  private let options: SimulateAllReduce

  init(_ options: SimulateAllReduce) throws {
    self.options = options
    algorithms = try options.algorithms.split(separator: ",").map { name in
      guard let algorithm = ReductionAlgorithm(name: String(name)),
        SimulatedAllReduce.algorithms.contains(algorithm)
      else {
        throw ValidationError(
          "\(name) is not an algorithm that sends messages by a schedule; take some of "
            + SimulatedAllReduce.algorithms.map(\.name).joined(separator: ", ") + ".")
      }
      return algorithm
    }
    ranks = try SimulatedSizes.numbers(options.ranks, factor: 2, "a number of ranks") { Int($0) }
    bytes = try SimulatedSizes.numbers(options.bytes, factor: 4, "a number of bytes") {
      ByteCount(argument: $0)?.bytes
    }
    if algorithms.isEmpty { throw ValidationError("--algorithms names none.") }
    for ranks in ranks where !(1...SimulatedSizes.mostRanks).contains(ranks) {
      throw ValidationError(
        "The number of ranks must be 1 to \(SimulatedSizes.mostRanks), not \(ranks).")
    }
    for bytes in bytes where !(0...1 << 40).contains(bytes) || bytes % 4 != 0 {
      throw ValidationError(
        "The bytes of a buffer must be a multiple of 4, at most 2^40, not \(bytes).")
    }
    guard (1...SimulatedSizes.mostRanks).contains(options.ranksPerHost) else {
      throw ValidationError(
        "--ranks-per-host must be 1 to \(SimulatedSizes.mostRanks), not \(options.ranksPerHost).")
    }
    try OptionBounds.check("jitter", options.jitter, below: 1000)
    guard (4...1 << 30).contains(options.segmentBytes?.bytes ?? 4) else {
      throw ValidationError(
        "--segment-bytes must be 4 to 1073741824 (1 GiB), not \(options.segmentBytes?.bytes ?? 0).")
    }
    for straggler in options.straggler where straggler.rank >= ranks.min() ?? 0 {
      throw ValidationError("There is no rank \(straggler.rank) among \(ranks.min() ?? 0) ranks.")
    }
    try checkSteps()
    if options.goal != nil, algorithms.first == .hierarchical {
      throw ValidationError(
        "--goal writes one schedule, and hierarchical has several: put another algorithm first.")
    }
  }

  /// Checks that no schedule has too many steps. In rings and similar algorithms, the number of steps grows with the
  /// square of the number of ranks.
  private func checkSteps() throws {
    for algorithm in algorithms where algorithm != .hierarchical {
      for ranks in ranks {
        for bytes in bytes {
          let steps = ScheduleGraph.stepEstimate(
            algorithm.kind, ranks: ranks, bytes: bytes, segmentBytes: segmentBytes(algorithm, ranks)
          )
          guard steps > Double(SimulatedSizes.mostSteps) else { continue }
          throw ValidationError(
            "\(algorithm) of \(bytes) bytes over \(ranks) ranks has about \(steps.formatted(digits: 2)) steps, more "
              + "than the \(SimulatedSizes.mostSteps) that are simulated; take fewer ranks, or a larger --segment-bytes."
          )
        }
      }
    }
  }

  private func segmentBytes(_ algorithm: ReductionAlgorithm, _ ranks: Int) -> Int {
    options.segmentBytes?.bytes
      ?? AutomaticChoice.segmentBytes(of: algorithm.kind, hosts: cluster(ranks).hosts)
  }

  private func cluster(_ ranks: Int) -> SimulatedCluster {
    var cluster = SimulatedCluster(
      ranks: ranks, latency: options.latency.seconds, bandwidth: options.bandwidth.bytesPerSecond)
    cluster.ranksPerHost = options.ranksPerHost
    cluster.hostLatency = options.hostLatency.seconds
    cluster.hostBandwidth = options.hostBandwidth.bytesPerSecond
    cluster.messageSeconds = options.messageTime.seconds
    cluster.reductionRate = options.reductionRate?.bytesPerSecond ?? .infinity
    cluster.jitter = options.jitter
    cluster.seed = options.seed
    cluster.stragglers = Dictionary(options.straggler.map { ($0.rank, $0.factor) }) { $1 }
    return cluster
  }

  /// Simulates every combination of size, number of ranks and algorithm.
  func results() -> [Result] {
    bytes.flatMap { bytes in
      ranks.flatMap { ranks in
        algorithms.map { algorithm in
          let cluster = cluster(ranks)
          return Result(
            algorithm: algorithm, ranks: ranks, hosts: cluster.hosts, bytes: bytes,
            seconds: SimulatedAllReduce.seconds(
              by: algorithm, bytes: bytes, segmentBytes: options.segmentBytes?.bytes, on: cluster))
        }
      }
    }
  }

  /// Returns the schedules of the first algorithm, size and number of ranks, in GOAL, the input format of LogGOPSim.
  func goalText() -> String {
    let (algorithm, ranks) = (algorithms[0], ranks[0])
    return "num_ranks \(ranks)\n\n"
      + (0..<ranks).map { rank in
        Schedule(
          .allReduce, by: algorithm.kind, rank: rank, size: ranks, count: bytes[0] / 4,
          segment: max(1, segmentBytes(algorithm, ranks) / 4)
        ).goalText(stride: 4)
      }.joined(separator: "\n")
  }

  /// A sentence that describes the simulated cluster.
  var words: String {
    "Simulated: \(options.ranksPerHost) ranks a host, links of \(options.latency.text) and \(options.bandwidth.text)."
  }

  /// Parses a range `4...64`, in which each number is `factor` times the previous one, or a list `3,5,8`.
  private static func numbers(
    _ text: String, factor: Int, _ meaning: String, _ read: (String) -> Int?
  ) throws -> [Int] {
    func number(_ word: String) throws -> Int {
      guard let number = read(word) else { throw ValidationError("'\(word)' is not \(meaning).") }
      return number
    }
    let ends = text.components(separatedBy: "...")
    if ends.count == 1 { return try text.components(separatedBy: ",").map(number) }
    let (first, last) = try (number(ends[0]), number(ends[ends.count - 1]))
    guard ends.count == 2, first > 0, first <= last else {
      throw ValidationError(
        "'\(text)' is not a range such as 4...64: the first number must be above 0 and at most the last."
      )
    }
    var numbers = [first]
    while let latest = numbers.last, latest <= last / factor { numbers.append(latest * factor) }
    return numbers
  }
}
