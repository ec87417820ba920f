import AllReduce

/// A legal program of two phases in which one rank is ahead of the others:
/// `progress/CALL/FLIGHT/AGE/WHERE/FIRST`.
///
/// All ranks start an all-reduce. Rank FIRST then makes a call and waits for the all-reduce; the
/// others wait first and make the call afterwards.
struct ProgressCell {
  enum Call: String, CaseIterable {
    case native, allGather, gather, scatter, allToAll, text, agreeing, split, duplicate, arena
    case firstReduction, splitByHost
    /// Two all-reduces on two communicators, started in a different order.
    case crossedStarts
  }

  enum Flight: String, CaseIterable { case arena, ring }
  /// Whether the all-reduce is the first thing that its communicator does.
  enum Age: String, CaseIterable { case cold, warm }
  /// Whether the call is made on the all-reduce's communicator.
  enum Where: String, CaseIterable { case same, other }
  enum First: String, CaseIterable { case first, last }

  let call: Call
  let flight: Flight
  let age: Age
  let place: Where
  let first: First

  static let elements = 1_000_003

  var name: String {
    ["progress", call.rawValue, flight.rawValue, age.rawValue, place.rawValue, first.rawValue]
      .joined(separator: "/")
  }

  init(_ call: Call, _ flight: Flight, _ age: Age, _ place: Where, _ first: First) {
    (self.call, self.flight, self.age) = (call, flight, age)
    (self.place, self.first) = (place, first)
  }

  init?(_ name: String) {
    let words = name.split(separator: "/").map(String.init)
    guard words.count == 6, words[0] == "progress", let call = Call(rawValue: words[1]),
      let flight = Flight(rawValue: words[2]), let age = Age(rawValue: words[3]),
      let place = Where(rawValue: words[4]), let first = First(rawValue: words[5])
    else { return nil }
    self.init(call, flight, age, place, first)
  }

  static var all: [ProgressCell] {
    var cells: [ProgressCell] = []
    for call in Call.allCases {
      for flight in Flight.allCases {
        for age in Age.allCases {
          for place in Where.allCases where place == .other || call != .firstReduction {
            for first in First.allCases {
              cells.append(ProgressCell(call, flight, age, place, first))
            }
          }
        }
      }
    }
    return cells
  }
}

extension ProgressCell {
  /// Runs the program and reports. Every rank of `world` must call it.
  func run(on world: Communicator) throws {
    let communicator = try world.duplicate()
    let spare = try world.duplicate()
    let (one, two) = (try Flying(flight, world), try Flying(flight, world))
    if age == .warm {
      try one.start(on: communicator).wait()
      try two.start(on: communicator).wait()
      if call != .firstReduction { _ = try spare.allReduce(Int64(1), .sum) }
    }
    try world.barrier()
    let isFirst = world.rank == (first == .first ? 0 : world.size - 1)
    let target = place == .same ? communicator : spare
    var faults: [String] = []
    let seconds = try seconds {
      if call == .crossedStarts {
        try cross(
          isFirst ? [(one, communicator), (two, spare)] : [(two, spare), (one, communicator)])
        if !two.isRight { faults.append("the second all-reduce is wrong") }
      } else {
        let pending = try one.start(on: communicator)
        if !isFirst { try pending.wait() }
        if let fault = try makeCall(on: target) { faults.append(fault) }
        if isFirst { try pending.wait() }
      }
    }
    if !one.isRight { faults.append("the all-reduce is wrong") }
    try world.barrier()
    Report.verdict(name, rank: world.rank, mark: "r", faults: faults, seconds: seconds)
  }

  /// Starts all, and waits in the order of `place`.
  private func cross(_ flights: [(Flying, Communicator)]) throws {
    let pending = try flights.map { try $0.start(on: $1) }
    for started in place == .same ? pending : pending.reversed() { try started.wait() }
  }

  /// - Returns: What was wrong.
  private func makeCall(on communicator: Communicator) throws -> String? {
    let (rank, size) = (communicator.rank, communicator.size)
    let all = (0..<size).flatMap { other in (0...other).map { Int32(100 * other + $0) } }
    let mine = (0...rank).map { Int32(100 * rank + $0) }
    // What is moved goes to the rank that calls first, so that it has to wait.
    let (ahead, behind) = first == .first ? (0, size - 1) : (size - 1, 0)
    switch call {
    case .native:
      var values = [Int32](repeating: Int32(rank), count: 5000)
      try communicator.allReduce(&values, .sum, using: .native)
      let sum = Int32(size * (size - 1) / 2)
      return values.allSatisfy { $0 == sum } ? nil : "native is wrong"
    case .firstReduction:
      var values = [Int32](repeating: Int32(rank), count: 100)
      try communicator.allReduce(&values, .sum)
      let sum = Int32(size * (size - 1) / 2)
      return values.allSatisfy { $0 == sum } ? nil : "the first reduction is wrong"
    case .allGather: return try communicator.allGather(mine) == all ? nil : "allGather is wrong"
    case .gather:
      let gathered = try communicator.gather(mine, to: ahead)
      return gathered == (rank == ahead ? all : nil) ? nil : "gather is wrong"
    case .scatter:
      let part = try communicator.scatter(
        rank == behind ? all : [], counts: (0..<size).map { $0 + 1 }, from: behind)
      return part == mine ? nil : "scatter is wrong"
    case .allToAll:
      let received = try communicator.allToAll((0..<size).map { Int32(10 * rank + $0) })
      return received == (0..<size).map { Int32(10 * $0 + rank) } ? nil : "allToAll is wrong"
    case .text:
      let text = String(repeating: "word ", count: 2000)
      return try communicator.broadcast(rank == behind ? text : "", from: behind) == text
        ? nil : "the text is wrong"
    case .agreeing: return try communicator.agreeing { rank } == rank ? nil : "agreeing is wrong"
    case .split:
      let part = try communicator.split(color: rank % 2)
      let number = (0..<rank).count { $0 % 2 == rank % 2 }
      return part.rank == number ? nil : "split is wrong"
    case .duplicate:
      return try communicator.duplicate().size == size ? nil : "duplicate is wrong"
    case .arena:
      let arena = try Arena<Double>(count: 1000, over: communicator)
      return arena.values.allSatisfy { $0 == 0 } ? nil : "the arena is wrong"
    case .splitByHost:
      let host = try communicator.splitByHost()
      return host.size == communicator.hosts.first { $0.contains(rank) }!.count
        ? nil : "splitByHost is wrong"
    case .crossedStarts: return nil
    }
  }
}

/// The elements of an all-reduce that is under way while other things are called.
private final class Flying {
  private let arena: Arena<Float>?
  private let values: UnsafeMutableBufferPointer<Float>
  private let size: Int
  private let rank: Int

  init(_ flight: ProgressCell.Flight, _ world: Communicator) throws {
    arena =
      flight == .arena ? try Arena<Float>(count: ProgressCell.elements, over: world) : nil
    values = arena?.values ?? .allocate(capacity: ProgressCell.elements)
    (size, rank) = (world.size, world.rank)
  }

  deinit { if arena == nil { values.deallocate() } }

  func start(on communicator: Communicator) throws -> Started {
    for index in values.indices { values[index] = Float(index % 1000 + rank) }
    if let arena { return Started(try communicator.startAllReduce(arena.all, .sum)) }
    return Started(try communicator.startAllReduce(values, .sum, using: .ring))
  }

  var isRight: Bool {
    let ranks = size * (size - 1) / 2
    return values.indices.allSatisfy { values[$0] == Float($0 % 1000 * size + ranks) }
  }
}
