import AllReduce

/// The times of all calls of one size on this rank.
struct Samples {
  /// For each contender, what is wrong with its first wrong result here.
  var errors: [String?]
  /// In nanoseconds of this rank's clock.
  private var starts: [[Double]]
  private var ends: [[Double]]
  private var lateness: [[Double]]

  init(contenders: Int) {
    errors = Array(repeating: nil, count: contenders)
    starts = Array(repeating: [], count: contenders)
    (ends, lateness) = (starts, starts)
  }

  /// The ranks' times together.
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
    for index in starts.indices {
      starts[index].reserveCapacity(calls)
      ends[index].reserveCapacity(calls)
      lateness[index].reserveCapacity(calls)
    }
  }

  mutating func add(_ contender: Int, start: UInt64, end: UInt64, late: UInt64) {
    starts[contender].append(Double(start))
    ends[contender].append(Double(end))
    lateness[contender].append(Double(late))
  }

  /// Warm-up calls do not count, but their errors do.
  mutating func forgetTimes() {
    for index in starts.indices {
      starts[index].removeAll()
      ends[index].removeAll()
      lateness[index].removeAll()
    }
  }

  /// All ranks' times together, in one reduction. Collective.
  ///
  /// On a clock that all share a call lasts from the first rank's start to the last one's end, which
  /// matters where ranks wait for a core; else as long as on its slowest rank.
  func combined(in world: Communicator, sharesClock: Bool) throws -> Combined {
    var all: [Double] = []
    if sharesClock {
      all += ends.joined()
      all += starts.joined().map { -$0 }
    } else {
      all += zip(ends.joined(), starts.joined()).map { $0 - $1 }
      all += starts.joined().map { _ in 0 }
    }
    all += lateness.joined()
    all += errors.map { $0 == nil ? 0 : 1 }
    try world.allReduce(&all, .maximum, using: .native)

    let calls = starts.first?.count ?? 0
    let total = starts.count
    func part(_ index: Int) -> ArraySlice<Double> { all[index * calls..<(index + 1) * calls] }
    return Combined(
      nanoseconds: starts.indices.map { zip(part($0), part(total + $0)).map { $0 + $1 } },
      lateness: starts.indices.map { Array(part(2 * total + $0)) },
      isWrong: all.suffix(total).map { $0 != 0 })
  }
}
