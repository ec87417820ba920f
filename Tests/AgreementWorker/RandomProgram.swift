import AllReduce
import Foundation

/// Random numbers that are the same wherever the seed is (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }

  /// Whether something of that probability happens.
  mutating func happens(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &self) < probability
  }
}

/// A legal program of random calls on random communicators: `random/SEED/CALLS`, or
/// `random/SEED/CALLS/blocking` for one in which nothing is started.
///
/// All ranks draw the same calls in one order, and each makes those of the communicators that it
/// belongs to. What is started is waited for later, at a place that each rank draws for itself.
struct RandomProgram {
  let seed: UInt64
  let calls: Int
  let name: String
  private let isBlocking: Bool

  init?(_ name: String) {
    let words = name.split(separator: "/").map(String.init)
    guard 3...4 ~= words.count, words[0] == "random", let seed = UInt64(words[1]),
      let calls = Int(words[2])
    else { return nil }
    (self.seed, self.calls, self.name) = (seed, calls, name)
    isBlocking = words.last == "blocking"
  }

  /// Runs the program and reports. Every rank of `world` must call it.
  func run(on world: Communicator, _ watch: CellWatch) throws {
    let state = try ProgramState(world, seed: seed, isBlocking: isBlocking)
    let begin = ContinuousClock().now
    func report(_ faults: [String]) {
      let seconds = (ContinuousClock().now - begin) / .seconds(1)
      Report.verdict(name, rank: world.rank, mark: "r", faults: faults, seconds: seconds)
    }
    do {
      for index in 0..<calls {
        watch.touch()
        state.index = index
        try state.makeRandomCall()
        while state.own.happens(0.3) || state.flying.count > 12 {
          if state.flying.isEmpty { break }
          try state.endOne(Int.random(in: state.flying.indices, using: &state.own))
        }
      }
      watch.touch()
      while !state.flying.isEmpty { try state.endOne(0) }
      try world.barrier()
    } catch {
      report(["call \(state.index), \(state.summary): \(error)"])
      throw error
    }
    report([])
  }
}

/// A communicator as all ranks know it, members or not.
struct Group {
  /// World ranks, in the order of the communicator's ranks.
  let members: [Int]
  /// This rank's own, where it is a member.
  let communicator: Communicator?
}

/// What a rank has started: how it is ended and checked.
struct Flight {
  let end: () throws -> Void
  /// The arena's lane that it holds; nil for memory of its own.
  let lane: Lane?
}

/// A stretch of an arena that one call at a time may use.
struct Lane: Equatable {
  let arena: Int
  let number: Int
}

/// An arena as all ranks know it.
struct RandomArena {
  static let lanes = 4
  let serial: Int
  let members: [Int]
  let laneCount: Int
  let arena: Arena<Float>?
}

/// A rank's state in the middle of a random program.
final class ProgramState {
  let world: Communicator
  var rank: Int { world.rank }
  /// Drawn alike on all ranks; only what does not depend on the rank may decide how often.
  var numbers: SeededNumbers
  /// This rank's own.
  var own: SeededNumbers
  var groups: [Group]
  var arenas: [RandomArena] = []
  var arenaSerial = 0
  var flying: [Flight] = []
  var index = 0
  /// The call under way, in words.
  var summary = ""
  /// The host of each world rank.
  let hostOf: [Int]

  /// Whether nothing is to be started.
  let isBlocking: Bool

  private let isTraced = ProcessInfo.processInfo.environment["AGREEMENT_TRACE"] != nil

  init(_ world: Communicator, seed: UInt64, isBlocking: Bool) throws {
    self.world = world
    self.isBlocking = isBlocking
    numbers = SeededNumbers(seed: seed)
    own = SeededNumbers(seed: seed &* 1_000_003 &+ UInt64(world.rank) &+ 1)
    groups = [Group(members: Array(0..<world.size), communicator: try world.duplicate())]
    hostOf = (0..<world.size).map { rank in
      world.hosts.firstIndex { $0.contains(rank) }!
    }
  }

  func pick<Element>(_ elements: [Element]) -> Element { elements.randomElement(using: &numbers)! }

  func describe(_ text: String) {
    summary = text
    if isTraced { FileHandle.standardError.write(Data("\(rank): \(index) \(text)\n".utf8)) }
  }

  /// Ends a call that was started before.
  func endOne(_ position: Int) throws {
    let flight = flying.remove(at: position)
    try flight.end()
  }

  /// Ends what holds a lane of an arena.
  func free(_ lane: Lane) throws {
    while let position = flying.firstIndex(where: { $0.lane == lane }) { try endOne(position) }
  }

  func makeRandomCall() throws {
    let group = Int.random(in: groups.indices, using: &numbers)
    switch Int.random(in: 0..<100, using: &numbers) {
    case 0..<36: try reduceArray(group)
    case 36..<54: try useArena()
    case 54..<66: try passMessage(group)
    case 66..<76: try moveArrays(group)
    case 76..<84: try agree(group)
    case 84..<88: try synchronise(group)
    case 88..<91: try split(group)
    case 91..<93: try duplicate(group)
    case 93..<94: try splitByHost(group)
    case 94..<97: try makeArena(group)
    default: try letGo()
    }
  }

  // MARK: - Making and releasing

  private func add(_ new: [Group]) {
    groups += new
    while groups.count > 12 {
      groups.remove(at: Int.random(in: 1..<groups.count, using: &numbers))
    }
  }

  private func split(_ group: Int) throws {
    let members = groups[group].members
    let colors = members.map { _ in
      numbers.happens(0.1) ? nil : Int.random(in: 0..<3, using: &numbers)
    }
    let keys = members.map { _ in Int.random(in: 0..<4, using: &numbers) }
    describe("split of \(members) by \(colors), \(keys)")
    var part: Communicator?
    if let communicator = groups[group].communicator {
      part = try communicator.split(
        optionalColor: colors[communicator.rank], key: keys[communicator.rank])
    }
    let mine = members.firstIndex(of: rank).flatMap { colors[$0] }
    let new = (0..<3).compactMap { color -> Group? in
      let chosen = members.indices.filter { colors[$0] == color }
        .sorted { (keys[$0], $0) < (keys[$1], $1) }.map { members[$0] }
      if chosen.isEmpty { return nil }
      return Group(members: chosen, communicator: color == mine ? part : nil)
    }
    try check(new)
    add(new)
  }

  private func check(_ new: [Group]) throws {
    for group in new {
      if let communicator = group.communicator, communicator.worldRanks != group.members {
        throw Fault("the ranks are \(communicator.worldRanks), not \(group.members)")
      }
    }
  }

  private func duplicate(_ group: Int) throws {
    describe("duplicate of \(groups[group].members)")
    let copy = try groups[group].communicator?.duplicate()
    let new = [Group(members: groups[group].members, communicator: copy)]
    try check(new)
    add(new)
  }

  private func splitByHost(_ group: Int) throws {
    let members = groups[group].members
    describe("splitByHost of \(members)")
    let part = try groups[group].communicator?.splitByHost()
    let new = Set(members.map { hostOf[$0] }).sorted().map { host in
      let there = members.filter { hostOf[$0] == host }
      return Group(members: there, communicator: there.contains(rank) ? part : nil)
    }
    try check(new)
    add(new)
  }

  private func makeArena(_ group: Int) throws {
    let count = pick([10, 500, 3000, 20_000])
    describe("arena of \(count) by \(groups[group].members)")
    let arena = try groups[group].communicator.map {
      try Arena<Float>(count: count * RandomArena.lanes, over: $0)
    }
    arenaSerial += 1
    arenas.append(
      RandomArena(
        serial: arenaSerial, members: groups[group].members, laneCount: count, arena: arena))
    if arenas.count > 5 { arenas.remove(at: Int.random(in: arenas.indices, using: &numbers)) }
  }

  /// Releases a communicator; what was started on it goes on.
  private func letGo() throws {
    if groups.count < 2 { return }
    let group = Int.random(in: 1..<groups.count, using: &numbers)
    describe("release of \(groups[group].members)")
    groups.remove(at: group)
  }
}
