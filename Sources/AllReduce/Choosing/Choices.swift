import AllReduceMPI

/// The choices of `automatic` on a communicator, kept in plain memory, because they are looked up at every call and a
/// dictionary lookup would take longer than a small collective.
struct Choices {
  /// Whether the choices come from the job's file of measured choices, and not from the built-in rules.
  let isMeasured: Bool
  private let arena: UnsafeMutablePointer<Limited>
  private let array: UnsafeMutablePointer<Limited>
  private let messages: UnsafeMutablePointer<Limited>
  private let others: UnsafeMutablePointer<Limited>

  private struct Limited {
    let limit: Int
    let algorithm: ReductionAlgorithm
  }

  /// Creates the choices for a placement of ranks, from the job's table of measured choices if it has one for this
  /// placement, otherwise from the built-in rules.
  ///
  /// Local: it sends no messages, because all ranks have the same tables. Ends the job if the tables cannot be used.
  init(ranksPerHost hosts: [Int]) {
    let ranks = hosts.reduce(0, +)
    let table = Choices.tables().first { $0.isFor(ranksPerHost: hosts) }
    func list(_ path: AutomaticChoice.Path) -> UnsafeMutablePointer<Limited> {
      Choices.list(
        table?.steps[path] ?? AutomaticChoice.steps(ranks: ranks, hosts: hosts.count, over: path))
    }
    isMeasured = table != nil
    (arena, array, messages) = (list(.arena), list(.array), list(.messages))
    others = Choices.list(
      AutomaticChoice.steps(ranks: ranks, hosts: hosts.count, over: .messages))
  }

  func deallocate() { for list in [arena, array, messages, others] { list.deallocate() } }

  /// Returns the algorithm of an all-reduce of this number of bytes on the wire.
  @inline(__always)
  func algorithm(bytes: Int, over path: AutomaticChoice.Path) -> ReductionAlgorithm {
    switch path {
    case .arena: Choices.find(bytes, in: arena)
    case .array: Choices.find(bytes, in: array)
    case .messages: Choices.find(bytes, in: messages)
    }
  }

  /// Returns the algorithm for a collective that can only run as a schedule: the requested one, or the automatic choice
  /// if the requested one is automatic, shared memory or hierarchical. A requested segment size is kept.
  func schedule(
    for requested: ReductionAlgorithm, _ collective: Collective, bytes: Int
  ) -> ReductionAlgorithm {
    switch requested.kind {
    case .automatic, .sharedMemory, .hierarchical:
      let chosen =
        if case .allReduce = collective {
          algorithm(bytes: bytes, over: .messages)
        } else {
          algorithmOfOthers(bytes: bytes)
        }
      return requested.segmentBytes.map { chosen.segmented(bytes: $0) } ?? chosen
    default: return requested
    }
  }

  /// Returns the algorithm of a collective other than all-reduce, from the built-in rules: these collectives are not
  /// measured.
  func algorithmOfOthers(bytes: Int) -> ReductionAlgorithm { Choices.find(bytes, in: others) }

  @inline(__always)
  private static func find(
    _ bytes: Int, in list: UnsafeMutablePointer<Limited>
  ) -> ReductionAlgorithm {
    var step = list
    while bytes > step.pointee.limit { step += 1 }
    return step.pointee.algorithm
  }

  /// Copies the steps to newly allocated memory; the last step's limit is `Int.max`.
  private static func list(_ steps: [AutomaticChoice.Step]) -> UnsafeMutablePointer<Limited> {
    let list = UnsafeMutablePointer<Limited>.allocate(capacity: steps.count)
    for (index, step) in steps.enumerated() {
      let limited = Limited(limit: step.upToBytes ?? .max, algorithm: step.algorithm)
      (list + index).initialize(to: limited)
    }
    return list
  }

  private static func tables() -> [TuningTable] {
    guard let text = TuningText.ofJob else { return [] }
    do throws(TuningError) {
      return try TuningFile.tables(in: text)
    } catch {
      MPI.end(withAgreed: error)
    }
  }
}
