import AllReduce
import ArgumentParser

/// The course of a collective operation, round by round, as the pictures show it.
struct ScheduleStory {
  /// A message of one round.
  struct Message {
    let source: Int
    let destination: Int
    /// The names of the pieces that it carries, such as "B–D".
    let name: String
    /// The indices of the pieces that it carries, among all pieces.
    let columns: Range<Int>
    /// Whether the receiver adds the message to its buffer; otherwise the message replaces the buffer's contents.
    let isAdded: Bool
  }

  let collective: Collective
  let algorithm: ReductionAlgorithm
  let ranks: Int
  let count: Int
  let segments: Int
  let pieces: Pieces
  let measures: ScheduleVerifier.Measures
  /// The messages of each round, in order of source and destination.
  let rounds: [[Message]]
  /// The ranks whose values a piece contains, as bits: `contents[round][rank][piece]`, where round 0 is before the
  /// first message. Empty where no picture shows it: for more than ``mostRanksWithContents`` ranks or
  /// ``mostPiecesWithCells`` pieces.
  let contents: [[[UInt64]]]

  /// Builds the schedules of all ranks, and executes them on symbols instead of numbers.
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
    // Only one element of each piece is recorded: all elements of all rounds would take gigabytes.
    let places = pieces.ranges.map(\.lowerBound)
    let states = try ScheduleVerifier.verify(collective, plans, statesOf: places).states
    let start = ScheduleVerifier.initialStates(collective, plans).map { buffer in
      places.map { buffer[$0] }
    }
    contents = ([start] + states).map { ranks in ranks.map { $0.map(\.ranks) } }
  }

  /// The largest number of messages drawn; more would take minutes and gigabytes, and could not be told apart.
  static let mostMessages = 100_000

  /// Returns the number of elements of each message that a rank sends.
  private static func messages(of schedule: Schedule) -> [Int] {
    schedule.steps.compactMap {
      switch $0 {
      case .send(let range, _, _), .sendEncoded(let range, _, _, _): range.count
      default: nil
      }
    }
  }

  /// The largest number of ranks for which cells have a stripe for each rank.
  static let mostRanksWithCells = 8
  /// The largest number of ranks for which pictures show the contents of the ranks' buffers.
  static let mostRanksWithContents = 16
  /// The largest number of pieces for which cells are drawn; more would be wider than a page.
  static let mostPiecesWithCells = 40

  /// Whether the picture has cells with a stripe for each rank.
  var hasCells: Bool { ranks <= ScheduleStory.mostRanksWithCells && !contents.isEmpty }

  /// Whether the operation adds up values, rather than only copying them.
  var isReduction: Bool {
    switch collective {
    case .allReduce, .reduceScatter, .reduce: true
    case .allGather, .broadcast, .allToAll: false
    }
  }

  /// Whether a piece is complete: for a reduction it contains the values of all ranks, otherwise of the one rank that
  /// has the piece.
  func isComplete(_ content: UInt64) -> Bool {
    content.nonzeroBitCount == (isReduction ? ranks : 1)
  }

  /// The title, such as "allReduce by ring over 4 ranks".
  var title: String {
    let way = algorithm == .flatTree ? "\(algorithm), through one rank," : "\(algorithm)"
    return "\(collective) by \(way) over \(ranks) rank\(ranks == 1 ? "" : "s")"
  }

  /// A description of the vector, such as "4 elements, drawn as A to D".
  var subject: String {
    var words = "\(count) element\(count == 1 ? "" : "s")"
    if let first = pieces.names.first, let last = pieces.names.last, pieces.count > 1 {
      words += ", drawn as \(first) to \(last)"
    }
    if segments > 1 { words += ", messages of up to \(segments) segments" }
    return words
  }

  /// Returns the smallest number of elements that makes all blocks equal.
  private static func evenCount(
    _ collective: Collective, _ algorithm: ReductionAlgorithm, ranks: Int
  ) -> Int {
    switch algorithm {
    case .doubleTree where collective == .allReduce: return 2
    case .halvingDoubling where collective == .allReduce:
      // Where the number of ranks is not a power of two, the vector is cut into as many blocks as the largest power of
      // two below it.
      let active = 1 << (Int.bitWidth - 1 - ranks.leadingZeroBitCount)
      return ranks / min(active, ranks & -ranks) * active
    default: return ranks
    }
  }
}
