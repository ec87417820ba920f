import AllReduce

/// The times of all calls of one size on this rank.
struct Samples {
  /// For each contender, what is wrong with its first wrong result here.
  var errors: [String?]
  private var times: [[Double]]
  private var lateness: [[Double]]

  init(contenders: Int) {
    errors = Array(repeating: nil, count: contenders)
    times = Array(repeating: [], count: contenders)
    lateness = times
  }

  /// The ranks' times together: a call's is that of its slowest rank.
  struct Combined {
    fileprivate let nanoseconds: [[Double]]
    fileprivate let lateness: [[Double]]
    /// For each contender, whether any rank saw a wrong result.
    let isWrong: [Bool]

    /// The times of a contender's calls that began well.
    ///
    /// A call that some rank began late by more than a fiftieth of its time says more of that rank's
    /// core than of the call. If that is true of most calls, they all count, delays included.
    func seconds(of contender: Int) -> [Double] {
      let all = zip(nanoseconds[contender], lateness[contender])
      let good = all.filter { $1 <= max(200, 0.02 * $0) }.map { $0.0 / 1e9 }
      return 2 * good.count > nanoseconds[contender].count
        ? good : nanoseconds[contender].map { $0 / 1e9 }
    }
  }

  mutating func reserve(_ calls: Int) {
    for index in times.indices {
      times[index].reserveCapacity(calls)
      lateness[index].reserveCapacity(calls)
    }
  }

  mutating func add(_ contender: Int, nanoseconds: UInt64, late: UInt64) {
    times[contender].append(Double(nanoseconds))
    lateness[contender].append(Double(late))
  }

  /// Warm-up calls do not count, but their errors do.
  mutating func forgetTimes() {
    for index in times.indices {
      times[index].removeAll()
      lateness[index].removeAll()
    }
  }

  /// All ranks' times together, in one reduction. Collective.
  func combined(in world: Communicator) throws -> Combined {
    var all = times.flatMap { $0 } + lateness.flatMap { $0 } + errors.map { $0 == nil ? 0 : 1 }
    try world.allReduce(&all, .maximum, using: .native)
    let calls = times.first?.count ?? 0
    func part(_ index: Int) -> [Double] { Array(all[index * calls..<(index + 1) * calls]) }
    let contenders = times.indices
    return Combined(
      nanoseconds: contenders.map(part), lateness: contenders.map { part(times.count + $0) },
      isWrong: all.suffix(times.count).map { $0 != 0 })
  }
}
