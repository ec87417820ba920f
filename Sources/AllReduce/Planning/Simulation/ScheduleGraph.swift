internal import AllReduceMPI

/// The schedules of all ranks as one graph of steps. Each step has its kind and its bytes, and each send the index of
/// its matching receive.
///
/// Memory: about 40 bytes per step; a ring of p ranks has 5 p² steps.
package struct ScheduleGraph {
  enum Kind: UInt8 {
    /// A reduction or a copy, which uses the rank's processor.
    case compute
    case send
    case receive
  }

  /// The index of each rank's first step: the steps of rank r are `starts[r]..<starts[r + 1]`.
  private(set) var starts = [0]
  private(set) var kinds: [Kind] = []
  private(set) var ranks: [Int32] = []
  /// The number of bytes that each step sends, receives or combines.
  private(set) var bytes: [Int] = []
  /// The number of steps that each step waits for.
  private(set) var waits: [Int32] = []
  /// The index in ``successors`` of the first of the steps that wait for each step.
  private(set) var successorStarts = [0]
  private(set) var successors: [Int32] = []
  /// The index of the receive that matches each send; -1 for other steps.
  private(set) var receives: [Int32] = []

  /// Creates the graph of the steps of a collective.
  ///
  /// - Parameters:
  ///   - collective: The collective.
  ///   - algorithm: An algorithm that has a schedule.
  ///   - ranks: The number of ranks.
  ///   - count: The number of elements in a rank's buffer.
  ///   - stride: The number of bytes per element, in memory and in messages.
  ///   - segment: The largest number of elements in a message.
  init(
    _ collective: Collective, by algorithm: ReductionAlgorithm.Kind, ranks: Int, count: Int,
    stride: Int,
    segment: Int
  ) {
    var ends = (sends: [End](), receives: [End]())
    for rank in 0..<ranks {
      add(
        Schedule(
          collective, by: algorithm, rank: rank, size: ranks, count: count, segment: segment),
        stride,
        &ends.sends, &ends.receives)
    }
    join(&ends.sends, &ends.receives)
  }

  var count: Int { kinds.count }

  /// Estimates how many steps all ranks have together, to check before creating a graph whether it would be too
  /// large.
  package static func stepEstimate(
    _ algorithm: ReductionAlgorithm.Kind, ranks: Int, bytes: Int, segmentBytes: Int
  ) -> Double {
    let p = Double(ranks), logarithm = max(1, p.binaryLogarithm)
    let (messages, share): (Double, Double) =
      switch algorithm {
      case .ring: (2 * p, p)
      case .gatherAndReduce: (2 * p, 1)
      case .halvingDoubling: (2 * logarithm, logarithm)
      case .recursiveDoubling: (logarithm, 1)
      default: (4, 1)
      }
    let segments = max(1, (Double(bytes) / share / Double(segmentBytes)).rounded(.up))
    return 2.5 * p * messages * segments
  }

  /// One end of a message: a send step or a receive step.
  private struct End {
    let channel: UInt64
    let message: Int32
    let step: Int32

    init(from source: Int, to destination: Int, message: Int, step: Int) {
      channel = UInt64(source) << 32 | UInt64(destination)
      self.message = Int32(message)
      self.step = Int32(step)
    }

    static func isBefore(_ a: End, _ b: End) -> Bool {
      a.channel != b.channel ? a.channel < b.channel : a.message < b.message
    }
  }

  private mutating func add(
    _ schedule: Schedule, _ stride: Int, _ sends: inout [End], _ received: inout [End]
  ) {
    let (first, rank) = (kinds.count, schedule.rank)
    for (index, step) in schedule.steps.enumerated() {
      let (kind, count): (Kind, Int)
      switch step {
      case .send(let range, let peer, let message),
        .sendEncoded(let range, _, let peer, let message):
        (kind, count) = (.send, range.count)
        sends.append(End(from: rank, to: peer, message: message, step: first + index))
      case .receive(let range, let peer, let message),
        .receiveToScratch(let range, let peer, let message):
        (kind, count) = (.receive, range.count)
        received.append(End(from: peer, to: rank, message: message, step: first + index))
      case .reduce(let range, _, _), .encode(let range, _), .decode(let range, _),
        .round(let range):
        (kind, count) = (.compute, range.count)
      case .finish: (kind, count) = (.compute, 0)
      }
      kinds.append(kind)
      ranks.append(Int32(rank))
      bytes.append(count * stride)
    }
    waits += schedule.dependencyCounts
    let base = successors.count
    successorStarts += schedule.successorStarts.dropFirst().map { base + Int($0) }
    successors += schedule.successors.map { $0 + Int32(first) }
    starts.append(kinds.count)
  }

  private mutating func join(_ sends: inout [End], _ received: inout [End]) {
    precondition(
      sends.count == received.count,
      "The schedules send \(sends.count) messages and receive "
        + "\(received.count).")
    receives = Array(repeating: -1, count: kinds.count)
    sends.sort(by: End.isBefore)
    received.sort(by: End.isBefore)
    for (send, receive) in zip(sends, received) { receives[Int(send.step)] = receive.step }
  }
}

extension Double {
  fileprivate var binaryLogarithm: Double {
    Double(Int(self).bitWidth - max(Int(self) - 1, 1).leadingZeroBitCount)
  }
}
