import AllReduce

/// What ranks contribute to a random call, and what has to come out: numbers with a period of 8.
struct ExpectedNumbers {
  let operation: ReductionOperation
  let size: Int
  let salt: Int

  func contribution(of rank: Int, at index: Int) -> Int {
    let number = (index &* 7 &+ rank &* 3 &+ salt) & 7
    return operation == .product ? 1 + number & 1 : number
  }

  func fill<Scalar: ReducibleScalar>(_ values: UnsafeMutableBufferPointer<Scalar>, of rank: Int) {
    for index in values.indices {
      values[index] = Scalar(exactly: contribution(of: rank, at: index))!
    }
  }

  /// Whether `range` of `values` holds the result.
  func check<Scalar: ReducibleScalar>(
    _ values: UnsafeMutableBufferPointer<Scalar>, _ range: Range<Int>,
    _ wanted: (Int) -> Double
  ) throws {
    let pattern = (0..<8).map(wanted)
    for index in range {
      let (found, expected) = (ExpectedNumbers.double(values[index]), pattern[index & 7])
      if abs(found - expected) > (operation == .mean ? 0.01 * expected : 0) {
        throw Fault("element \(index) is \(found), not \(expected)")
      }
    }
  }

  /// The combined numbers of all ranks.
  func combined(at index: Int) -> Double {
    let numbers = (0..<size).map { Double(contribution(of: $0, at: index)) }
    return switch operation {
    case .sum: numbers.reduce(0, +)
    case .mean: numbers.reduce(0, +) / Double(size)
    case .minimum: numbers.min()!
    case .maximum: numbers.max()!
    case .product: numbers.reduce(1, *)
    }
  }

  private static func double<Scalar: ReducibleScalar>(_ value: Scalar) -> Double {
    switch value {
    case let value as Float: Double(value)
    case let value as Int32: Double(value)
    case let value as Int64: Double(value)
    case let value as Double: value
    default: .nan
    }
  }
}

/// The memory of a random call with its margins, and how it is checked.
private final class OwnMemory {
  let guarded: GuardedMemory

  init(bytes: Int) { guarded = GuardedMemory(byteCount: bytes) }

  func checkMargins() throws {
    if !guarded.isIntact { throw Fault("bytes outside the buffer changed") }
  }
}

extension ProgramState {
  private static let algorithms: [ReductionAlgorithm] = [
    .automatic, .ring, .tree, .flatTree, .doubleTree, .recursiveDoubling, .halvingDoubling,
    .gatherAndReduce, .hierarchical, .sharedMemory, .native,
  ]

  /// An all-reduce, blocking or started, or another collective of `ReducibleScalar` in an array.
  func reduceArray(_ group: Int) throws {
    let size = groups[group].members.count
    let root = Int.random(in: 0..<size, using: &numbers)
    let other = pick([
      Call.Kind.reduceScatter, .allGather, .broadcast(root: root), .reduce(root: root),
    ])
    var call = Call(
      kind: numbers.happens(0.65) ? .allReduce : other,
      count: pick([1, 3, 20, 100, 1000, 1025, 5000, 30_000, 200_000]),
      algorithm: pick(ProgramState.algorithms))
    if numbers.happens(0.6) { call.count = 1 + call.count / 50 }
    if numbers.happens(0.02) { call.count = 0 }
    call.type = pick([.float, .float, .double, .int32, .int64])
    call.operation = pick(ReductionOperation.allCases)
    call.isStarted = numbers.happens(0.5) && call.kind == .allReduce && !isBlocking
    call.wireFormat = pick([.full, .full, .bfloat16, .float16])
    call.name = numbers.happens(0.3) ? "call \(index % 7)" : nil
    call.salt = index
    if !call.operation.isDefined(for: call.type) { call.operation = .sum }
    if call.type != .float || call.algorithm == .native { call.wireFormat = .full }
    let hosts = Set(groups[group].members.map { hostOf[$0] })
    if call.algorithm == .sharedMemory && hosts.count > 1 { call.algorithm = .automatic }
    describe("\(call) on \(groups[group].members)")
    guard let communicator = groups[group].communicator else { return }
    switch call.type {
    case .float: try make(call, Float.self, on: communicator)
    case .double: try make(call, Double.self, on: communicator)
    case .int32: try make(call, Int32.self, on: communicator)
    case .int64: try make(call, Int64.self, on: communicator)
    }
  }

  private func make<Scalar: ReducibleScalar>(
    _ call: Call, _ type: Scalar.Type, on communicator: Communicator
  ) throws {
    let memory = OwnMemory(bytes: call.count * call.type.bytes)
    let values = memory.guarded.elements(of: Scalar.self)
    let started = try begin(call, values, on: communicator) {
      try call.run(on: communicator, memory.guarded, nil)
    }
    flyOrEnd(started, nil) {
      try self.check(call, values, rank: communicator.rank, size: communicator.size)
      try memory.checkMargins()
    }
    if !call.isStarted { try endOne(flying.count - 1) }
  }

  /// Puts the contribution in place and makes the call.
  private func begin<Scalar: ReducibleScalar>(
    _ call: Call, _ values: UnsafeMutableBufferPointer<Scalar>, on communicator: Communicator,
    _ make: () throws -> Started?
  ) rethrows -> Started? {
    let expected = ExpectedNumbers(
      operation: call.operation, size: communicator.size, salt: call.salt)
    expected.fill(values, of: communicator.rank)
    if case .allGather = call.kind {
      // Only this rank's own block counts.
      let block = BlockPartition(count: call.count, parts: communicator.size)[communicator.rank]
      for index in values.indices where !block.contains(index) { values[index] = 0 }
    }
    return try make()
  }

  private func flyOrEnd(_ started: Started?, _ lane: Lane?, _ check: @escaping () throws -> Void) {
    let words = summary
    flying.append(
      Flight(
        end: {
          do {
            try started?.wait()
            try check()
          } catch {
            throw Fault("\(words): \(error)")
          }
        }, lane: lane))
  }

  private func check<Scalar: ReducibleScalar>(
    _ call: Call, _ values: UnsafeMutableBufferPointer<Scalar>, rank: Int, size: Int
  ) throws {
    let expected = ExpectedNumbers(operation: call.operation, size: size, salt: call.salt)
    let all = 0..<call.count
    let blocks = BlockPartition(count: call.count, parts: size)
    switch call.kind {
    case .allReduce: try expected.check(values, all, expected.combined)
    case .reduceScatter: try expected.check(values, blocks[rank], expected.combined)
    case .reduce(let root): if root == rank { try expected.check(values, all, expected.combined) }
    case .broadcast(let root):
      try expected.check(values, all) { Double(expected.contribution(of: root, at: $0)) }
    case .allGather:
      for other in 0..<size {
        try expected.check(values, blocks[other]) {
          Double(expected.contribution(of: other, at: $0))
        }
      }
    }
  }

  // MARK: - Arenas

  /// A collective on a slice of an arena, by any communicator of its ranks.
  func useArena() throws {
    guard !arenas.isEmpty else { return }
    let arena = pick(arenas)
    let fitting = groups.indices.filter { groups[$0].members.allSatisfy(arena.members.contains) }
    guard !fitting.isEmpty else { return }
    let group = groups[pick(fitting)]
    let lane = Lane(
      arena: arena.serial, number: Int.random(in: 0..<RandomArena.lanes, using: &numbers))
    let root = Int.random(in: 0..<group.members.count, using: &numbers)
    let kinds: [Call.Kind] = [
      .allReduce, .allReduce, .allReduce, .reduceScatter, .allGather, .broadcast(root: root),
      .reduce(root: root),
    ]
    var call = Call(
      kind: pick(kinds), count: Int.random(in: 0...arena.laneCount, using: &numbers),
      algorithm: pick(ProgramState.algorithms))
    call.operation = pick(ReductionOperation.allCases)
    call.isStarted = numbers.happens(0.6) && !isBlocking
    call.salt = index
    call.place = .arena
    let hosts = Set(group.members.map { hostOf[$0] })
    if call.algorithm == .sharedMemory && hosts.count > 1 { call.algorithm = .automatic }
    // Slices may lie at another place on each rank.
    let offsets = group.members.map { _ in
      Int.random(in: 0...arena.laneCount - call.count, using: &numbers)
    }
    describe("\(call) in arena \(arena.serial) on \(group.members)")
    guard let communicator = group.communicator, let memory = arena.arena else { return }
    try free(lane)
    let start = lane.number * arena.laneCount + offsets[communicator.rank]
    let slice = memory[start..<start + call.count]
    let started = try begin(call, slice.values, on: communicator) {
      try call.run(on: communicator, slice)
    }
    flyOrEnd(started, lane) { [self] in
      try check(call, slice.values, rank: communicator.rank, size: communicator.size)
    }
    if !call.isStarted { try endOne(flying.count - 1) }
  }
}
