import AllReduce
import ArgumentParser

/// The course of a collective operation, round by round, as the picture shows it.
struct ScheduleStory {
  /// A message and what it carries.
  struct Message {
    let source: Int
    let destination: Int
    /// The pieces, such as "B–D".
    let name: String
    /// The pieces' places among the columns.
    let columns: Range<Int>
    /// Whether the receiver adds it to what it has; else it takes its place.
    let isAdded: Bool
  }

  let collective: Collective
  let algorithm: ReductionAlgorithm
  let ranks: Int
  let count: Int
  let segments: Int
  let pieces: Pieces
  let measures: ScheduleVerifier.Measures
  /// The messages of each round.
  let rounds: [[Message]]
  /// The ranks whose values a piece contains, as bits, before the first round and after each:
  /// `contents[round][rank][piece]`. Empty where no picture shows it: for more than ``mostRanksWithContents``
  /// ranks or ``mostPiecesWithCells`` pieces.
  let contents: [[[UInt64]]]

  /// Builds the schedules of all ranks and runs them with symbols for numbers.
  init(
    _ collective: Collective, by algorithm: ReductionAlgorithm, ranks: Int, count: Int?,
    segments: Int
  ) throws {
    let count =
      count ?? ScheduleStory.evenCount(collective, algorithm, ranks: ranks) * segments
    func schedules(segment: Int) -> [Schedule] {
      (0..<ranks).map {
        Schedule(
          collective, by: algorithm.kind, rank: $0, size: ranks, count: count, segment: segment)
      }
    }
    var plans = schedules(segment: max(count, 1))
    if segments > 1 {
      let longest = plans.flatMap(ScheduleStory.messages).max()
      plans = schedules(segment: max(1, ((longest ?? 1) + segments - 1) / segments))
    }
    let messages = plans.reduce(0) { $0 + ScheduleStory.messages(of: $1).count }
    if messages > ScheduleStory.mostMessages {
      throw ValidationError(
        "The picture would have \(messages) messages, but at most \(ScheduleStory.mostMessages) can be drawn; "
          + "take fewer ranks, segments or elements.")
    }
    let measures = try ScheduleVerifier.verify(collective, plans)
    let pieces = Pieces(collective, measures.transfers, count: count, ranks: ranks)

    self.collective = collective
    self.algorithm = algorithm
    self.ranks = ranks
    self.count = count
    self.segments = segments
    self.measures = measures
    self.pieces = pieces
    rounds = (0..<measures.steps).map { round in
      measures.transfers.filter { $0.round == round }
        .sorted { ($0.source, $0.destination) < ($1.source, $1.destination) }
        .map { transfer in
          let columns = pieces.ranges.indices.filter {
            transfer.range.contains(pieces.ranges[$0].lowerBound)
          }
          return Message(
            source: transfer.source, destination: transfer.destination,
            name: pieces.name(of: transfer.range),
            columns: (columns.first ?? 0)..<(columns.last.map { $0 + 1 } ?? 0),
            isAdded: transfer.isReduced)
        }
    }
    guard ranks <= ScheduleStory.mostRanksWithContents,
      pieces.count <= ScheduleStory.mostPiecesWithCells
    else {
      contents = []
      return
    }
    // Kept for one element of a piece alone: all elements of all rounds would be gigabytes.
    let places = pieces.ranges.map(\.lowerBound)
    let states = try ScheduleVerifier.verify(collective, plans, statesOf: places).states
    let start = ScheduleVerifier.initialStates(collective, plans).map { buffer in
      places.map { buffer[$0] }
    }
    contents = ([start] + states).map { ranks in ranks.map { $0.map(\.ranks) } }
  }

  /// More would take minutes and gigabytes to draw, and none would be found in them.
  static let mostMessages = 100_000

  /// The elements of each message that a rank sends.
  private static func messages(of schedule: Schedule) -> [Int] {
    schedule.steps.compactMap {
      switch $0 {
      case .send(let range, _, _), .sendEncoded(let range, _, _, _): range.count
      default: nil
      }
    }
  }

  /// Pictures of more ranks have no cells with a stripe for each rank.
  static let mostRanksWithCells = 8
  /// Pictures of more ranks do not show what these hold.
  static let mostRanksWithContents = 16
  /// Pictures of more pieces have no cells: they are wider than a page.
  static let mostPiecesWithCells = 40

  /// Whether there are cells with a stripe for each rank.
  var hasCells: Bool { ranks <= ScheduleStory.mostRanksWithCells && !contents.isEmpty }

  /// Whether values are added up, not only passed on.
  var isReduction: Bool {
    switch collective {
    case .allReduce, .reduceScatter, .reduce: true
    case .allGather, .broadcast, .allToAll: false
    }
  }

  /// Whether a piece holds all that belongs into it.
  func isComplete(_ content: UInt64) -> Bool {
    content.nonzeroBitCount == (isReduction ? ranks : 1)
  }

  /// "allReduce by ring over 4 ranks".
  var title: String {
    let way = algorithm == .flatTree ? "\(algorithm), through one rank," : "\(algorithm)"
    return "\(collective) by \(way) over \(ranks) rank\(ranks == 1 ? "" : "s")"
  }

  /// A description of the vector: "4 elements in blocks A to D".
  var subject: String {
    var words = "\(count) element\(count == 1 ? "" : "s")"
    if let first = pieces.names.first, let last = pieces.names.last, pieces.count > 1 {
      words += ", drawn as \(first) to \(last)"
    }
    if segments > 1 { words += ", messages of up to \(segments) segments" }
    return words
  }

  /// The smallest number of elements that can be divided into equal blocks.
  private static func evenCount(
    _ collective: Collective, _ algorithm: ReductionAlgorithm, ranks: Int
  ) -> Int {
    switch algorithm {
    case .doubleTree where collective == .allReduce: return 2
    case .halvingDoubling where collective == .allReduce:
      // Where p is not a power of two, it cuts the vector into the next lower one.
      let active = 1 << (Int.bitWidth - 1 - ranks.leadingZeroBitCount)
      return ranks / min(active, ranks & -ranks) * active
    default: return ranks
    }
  }
}
