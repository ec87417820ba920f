import AllReduce

/// The times of all calls at one size on this rank.
struct Samples {
  /// For each contender, a description of its first wrong result on this rank; nil if there is none.
  var errors: [String?]
  /// The start of each call of each contender, in nanoseconds of this rank's clock.
  private var starts: [[Double]]
  private var ends: [[Double]]
  private var lateness: [[Double]]

  init(contenders: Int) {
    errors = Array(repeating: nil, count: contenders)
    starts = Array(repeating: [], count: contenders)
    (ends, lateness) = (starts, starts)
  }

  /// The times of all ranks, combined.
  struct Combined {
    fileprivate let nanoseconds: [[Double]]
    fileprivate let lateness: [[Double]]
    /// For each contender, whether any rank found a wrong result.
    let isWrong: [Bool]

    /// Returns the times of a contender's calls, in seconds, without those that a rank started late.
    ///
    /// A call that some rank started late by more than 2% of the call's time (and more than 200 ns) says more about
    /// that rank's core than about the call. If at least half of the calls are like this, all calls count, delays
    /// included.
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

  /// Discards the times of the calls so far, which were warm-up, but keeps their errors.
  mutating func forgetTimes() {
    for index in starts.indices {
      starts[index].removeAll()
      ends[index].removeAll()
      lateness[index].removeAll()
    }
  }

  /// Combines the times of all ranks in one reduction. Collective.
  ///
  /// If all ranks share a clock, a call lasts from the first rank's start to the last rank's end, which matters where
  /// ranks wait for a core; otherwise it lasts as long as on its slowest rank.
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
