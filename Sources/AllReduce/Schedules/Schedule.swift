package import AllReduceMPI

/// The steps of one rank in a collective operation, and their dependencies.
///
/// A schedule does nothing by itself. Executors run it: ``ScheduleRun`` over MPI messages or between threads, and
/// ``ScheduleVerifier`` with symbols instead of numbers. The steps form a graph: a step may start when all steps that
/// it waits for have completed, and steps that do not wait for each other overlap.
package struct Schedule: Sendable {
  /// One action. A range counts elements of the caller's buffer or, in `receiveToScratch`, of scratch memory. `scratch`
  /// is the number of the first element in scratch memory, which belongs to the executor and holds elements in the wire
  /// format.
  ///
  /// With a 16-bit wire format nothing is sent from the buffer or received into it: `encode` and `sendEncoded` take the
  /// place of `send`, and `receiveToScratch` and `decode` take the place of `receive`. If elements are sent as they
  /// are, `encode` and `decode` are copies.
  package enum Step: Sendable, Equatable {
    /// Sends a range of the buffer to rank `to`. `message` counts the messages between the two ranks in this direction,
    /// from 0.
    case send(Range<Int>, to: Int, message: Int)
    /// Receives a message into a range of the buffer, its final place.
    case receive(Range<Int>, from: Int, message: Int)
    /// Receives a message into a range of scratch memory.
    case receiveToScratch(Range<Int>, from: Int, message: Int)
    /// Combines elements in scratch memory, from `scratch` on, into a range of the buffer. If `isExchange`, the peer
    /// combines the same two values and must get the same bits.
    case reduce(Range<Int>, scratch: Int, isExchange: Bool)
    /// Completes a range that contains all ranks' contributions: for a mean, divides it by the number of ranks.
    case finish(Range<Int>)
    /// Narrows a range of the buffer to the wire format, into scratch memory from `scratch` on.
    case encode(Range<Int>, scratch: Int)
    /// Sends the narrowed elements of a range from scratch memory, from `scratch` on, to rank `to`.
    case sendEncoded(Range<Int>, scratch: Int, to: Int, message: Int)
    /// Widens elements in scratch memory, from `scratch` on, into a range of the buffer.
    case decode(Range<Int>, scratch: Int)
    /// Rounds a range of the buffer to the wire format, so that this rank has the same values as the ranks that receive
    /// them.
    case round(Range<Int>)
  }

  /// The rank that runs the schedule.
  package let rank: Int
  /// The number of ranks.
  package let size: Int
  /// The number of elements in the buffer.
  package let count: Int
  /// The format in which elements are sent.
  package let wireFormat: WireFormat
  /// The number of elements in scratch memory.
  package let scratchCount: Int
  /// The maximum number of messages in flight at once.
  package let mostUnderWay: Int
  /// The number of ranks that this rank sends to, plus the number of ranks that it receives from.
  package let channelCount: Int
  /// The steps, in an order in which a rank could do them one after the other.
  package let steps: [Step]
  /// The number of steps that each step waits for.
  package let dependencyCounts: [Int32]
  /// The steps that wait for step i are `successors[successorStarts[i]..<successorStarts[i + 1]]`.
  package let successorStarts: [Int32]
  package let successors: [Int32]

  /// Returns the steps that wait for `step`.
  package func successors(of step: Int) -> ArraySlice<Int32> {
    successors[Int(successorStarts[step])..<Int(successorStarts[step + 1])]
  }

  /// The steps that can start at once, receives first: MPI need not buffer a message whose receive is already posted.
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

  /// The number of messages that this rank sends and receives.
  package var messageCount: Int {
    steps.count {
      switch $0 {
      case .send, .sendEncoded, .receive, .receiveToScratch: true
      case .reduce, .finish, .encode, .decode, .round: false
      }
    }
  }

  /// The number of elements that this rank sends.
  package var elementsSent: Int {
    steps.reduce(0) { sum, step in
      switch step {
      case .send(let range, _, _), .sendEncoded(let range, _, _, _): sum + range.count
      default: sum
      }
    }
  }

  /// The number of elements that this rank combines.
  package var elementsReduced: Int {
    steps.reduce(0) { sum, step in
      if case .reduce(let range, _, _) = step { sum + range.count } else { sum }
    }
  }
}
