import AllReduceNN
import Foundation

/// Ranks that are threads of this process, with a sum over all of them.
final class RankThreads<Scalar: NetworkScalar>: @unchecked Sendable {
  private let count: Int
  private let condition = NSCondition()
  private var parts: [[Scalar]?]
  private var sum: [Scalar] = []
  private var round = 0
  /// How many sums there were.
  private(set) var rounds = 0

  init(_ count: Int) {
    self.count = count
    parts = Array(repeating: nil, count: count)
  }

  /// Adds up numbers over all ranks, in the order of the ranks.
  func add(_ numbers: UnsafeMutableBufferPointer<Scalar>, rank: Int) {
    condition.lock()
    defer { condition.unlock() }
    parts[rank] = Array(numbers)
    let own = round
    if parts.allSatisfy({ $0 != nil }) {
      sum = Array(repeating: 0, count: numbers.count)
      for part in parts { for index in sum.indices { sum[index] += part![index] } }
      parts = Array(repeating: nil, count: count)
      round += 1
      rounds += 1
      condition.broadcast()
    } else {
      while round == own { condition.wait() }
    }
    _ = numbers.update(fromContentsOf: sum)
  }

  /// Runs a body on every rank; returns what they gave, in the order of the ranks.
  func run<Result>(_ body: @escaping @Sendable (Int) throws -> Result) throws -> [Result] {
    let results = Results<Result>(count)
    let done = DispatchGroup()
    for rank in 0..<count {
      done.enter()
      Thread.detachNewThread {
        results.set(Swift.Result { try body(rank) }, rank)
        done.leave()
      }
    }
    done.wait()
    return try results.values.map { try $0!.get() }
  }
}

private final class Results<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private(set) var values: [Result<Value, any Error>?]

  init(_ count: Int) { values = Array(repeating: nil, count: count) }

  func set(_ value: Result<Value, any Error>, _ rank: Int) {
    lock.withLock { values[rank] = value }
  }
}
