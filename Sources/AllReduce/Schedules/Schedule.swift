package import AllReduceMPI

/// The steps of one rank in a collective operation, and their dependencies.
///
/// A schedule moves nothing itself. Executors run it over MPI (``ScheduleRun`` on messages), over
/// threads, or with symbols for numbers (``ScheduleVerifier``). Its steps form a graph: a step may
/// start when all that it waits for have ended, and steps that do not wait for each other overlap.
package struct Schedule: Sendable {
  /// One action. Ranges are elements of the caller's buffer; scratch is memory of the executor, which
  /// holds elements as they travel.
  ///
  /// With a 16-bit wire format nothing is sent from the buffer or received into it: `encode`,
  /// `sendEncoded` take the place of `send`, and `receiveToScratch`, `decode` that of `receive`. Where
  /// elements travel as they are, `encode` and `decode` are copies.
  package enum Step: Sendable, Equatable {
    /// Sends a range. `message` numbers the messages from this rank to that one, from 0.
    case send(Range<Int>, to: Int, message: Int)
    /// Receives into its final place.
    case receive(Range<Int>, from: Int, message: Int)
    /// Receives into scratch memory.
    case receiveToScratch(Range<Int>, from: Int, message: Int)
    /// Combines scratch memory, from `scratch` on, into a range of the buffer. In an exchange, the
    /// other rank combines the same values and must get the same bits.
    case reduce(Range<Int>, scratch: Int, isExchange: Bool)
    /// The values of a range are complete: divides them for a mean.
    case finish(Range<Int>)
    /// Narrows a range into scratch memory, from `scratch` on.
    case encode(Range<Int>, scratch: Int)
    /// Sends what a range was narrowed to.
    case sendEncoded(Range<Int>, scratch: Int, to: Int, message: Int)
    /// Widens scratch memory, from `scratch` on, into a range.
    case decode(Range<Int>, scratch: Int)
    /// Makes the values of a range what a rank that they are sent to will have.
    case round(Range<Int>)
  }

  /// This rank.
  package let rank: Int
  /// The number of ranks.
  package let size: Int
  /// Elements of the buffer.
  package let count: Int
  /// How elements travel.
  package let wireFormat: WireFormat
  /// Elements of scratch memory.
  package let scratchCount: Int
  /// The largest number of messages that are under way at once.
  package let mostUnderWay: Int
  /// The ranks that this one sends to, and those that it receives from.
  package let channelCount: Int
  /// The steps, in the order in which a rank that did one thing at a time would do them.
  package let steps: [Step]
  /// How many steps each step waits for.
  package let dependencyCounts: [Int32]
  /// The steps that wait for step i are `successors[successorStarts[i]..<successorStarts[i + 1]]`.
  package let successorStarts: [Int32]
  package let successors: [Int32]

  /// The steps that wait for `step`.
  package func successors(of step: Int) -> ArraySlice<Int32> {
    successors[Int(successorStarts[step])..<Int(successorStarts[step + 1])]
  }

  /// The steps that can start at once. Receives come first: a message that finds its receive posted
  /// need not be kept aside.
  package var stepsWithoutDependencies: [Int32] {
    let ready = steps.indices.filter { dependencyCounts[$0] == 0 }
    let receives = ready.filter {
      switch steps[$0] {
      case .receive, .receiveToScratch: true
      default: false
      }
    }
    return (receives + Set(ready).subtracting(receives).sorted()).map { Int32($0) }
  }

  /// Messages that this rank sends or receives.
  package var messageCount: Int {
    steps.count {
      switch $0 {
      case .send, .sendEncoded, .receive, .receiveToScratch: true
      case .reduce, .finish, .encode, .decode, .round: false
      }
    }
  }

  /// Elements that this rank sends.
  package var elementsSent: Int {
    steps.reduce(0) { sum, step in
      switch step {
      case .send(let range, _, _), .sendEncoded(let range, _, _, _): sum + range.count
      default: sum
      }
    }
  }

  /// Elements that this rank combines.
  package var elementsReduced: Int {
    steps.reduce(0) { sum, step in
      if case .reduce(let range, _, _) = step { sum + range.count } else { sum }
    }
  }
}
