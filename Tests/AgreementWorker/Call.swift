import AllReduce

/// One collective call as a rank makes it in a cell.
struct Call: Equatable {
  enum Kind: Equatable {
    case allReduce, reduceScatter, allGather
    case broadcast(root: Int)
    case reduce(root: Int)
  }

  enum Place {
    case array, arena, otherArena
  }

  var kind = Kind.allReduce
  var type = ScalarType.float
  var count: Int
  var operation = ReductionOperation.sum
  var algorithm: ReductionAlgorithm
  var wireFormat = WireFormat.full
  var name: String?
  var place = Place.array
  /// Whether the call is started and waited for later.
  var isStarted = false
  /// What makes this call's numbers differ from another's.
  var salt = 0
}

extension Call {
  /// What rank `rank` contributes as element `index`: small integers.
  func contribution(of rank: Int, at index: Int) -> Int { (index &* 7 &+ rank &* 3 &+ salt) & 7 }

  /// Memory for the call, with the rank's contribution in it.
  func makeMemory(_ arenas: CellArenas?, rank: Int) -> GuardedMemory {
    let range = CellArenas.start..<CellArenas.start + count
    let memory: GuardedMemory =
      switch (place, type) {
      case (.array, _): GuardedMemory(byteCount: count * type.bytes)
      case (.otherArena, _): GuardedMemory(arenas!.otherFloat[range])
      case (.arena, .float): GuardedMemory(arenas!.float[range])
      case (.arena, .int32): GuardedMemory(arenas!.int32[range])
      case (.arena, _): GuardedMemory(arenas!.double[range])
      }
    switch type {
    case .float: fill(memory.elements(of: Float.self), rank)
    case .double: fill(memory.elements(of: Double.self), rank)
    case .int32: fill(memory.elements(of: Int32.self), rank)
    case .int64: fill(memory.elements(of: Int64.self), rank)
    }
    return memory
  }

  private func fill<Scalar: ReducibleScalar>(
    _ values: UnsafeMutableBufferPointer<Scalar>, _ rank: Int
  ) {
    for index in values.indices {
      values[index] = Scalar(exactly: contribution(of: rank, at: index))!
    }
  }

  /// Whether `memory` holds what rank 0..<size contributed, added up; of `Float` elements.
  func holdsSum(_ memory: GuardedMemory, size: Int) -> Bool {
    let values = memory.elements(of: Float.self)
    return values.indices.allSatisfy { index in
      let sum = (0..<size).reduce(0) { $0 + contribution(of: $1, at: index) }
      return values[index] == Float(sum)
    }
  }

  /// Whether `memory` holds what rank `rank` contributed; of `Float` elements.
  func holdsContribution(_ memory: GuardedMemory, of rank: Int) -> Bool {
    let values = memory.elements(of: Float.self)
    return values.indices.allSatisfy { values[$0] == Float(contribution(of: rank, at: $0)) }
  }

  /// Makes the call; what was started comes back in a box to be waited for.
  func run(on communicator: Communicator, _ memory: GuardedMemory, _ arenas: CellArenas?) throws
    -> Started?
  {
    let range = CellArenas.start..<CellArenas.start + count
    switch (place, type) {
    case (.otherArena, _): return try run(on: communicator, arenas!.otherFloat[range])
    case (.arena, .float): return try run(on: communicator, arenas!.float[range])
    case (.arena, .int32): return try run(on: communicator, arenas!.int32[range])
    case (.arena, _): return try run(on: communicator, arenas!.double[range])
    case (.array, .float): return try run(on: communicator, memory.elements(of: Float.self))
    case (.array, .double): return try run(on: communicator, memory.elements(of: Double.self))
    case (.array, .int32): return try run(on: communicator, memory.elements(of: Int32.self))
    case (.array, .int64): return try run(on: communicator, memory.elements(of: Int64.self))
    }
  }

  private func run<Scalar: ReducibleScalar>(
    on communicator: Communicator, _ values: UnsafeMutableBufferPointer<Scalar>
  ) throws -> Started? {
    switch kind {
    case .allReduce where isStarted:
      return Started(
        try communicator.startAllReduce(
          values, operation, using: algorithm, wireFormat: wireFormat, name: name))
    case .allReduce:
      try communicator.allReduce(
        values, operation, using: algorithm, wireFormat: wireFormat, name: name)
    case .reduceScatter:
      _ = try communicator.reduceScatter(
        values, operation, using: algorithm, wireFormat: wireFormat)
    case .allGather:
      try communicator.allGather(values, using: algorithm, wireFormat: wireFormat)
    case .broadcast(let root):
      try communicator.broadcast(values, from: root, using: algorithm, wireFormat: wireFormat)
    case .reduce(let root):
      try communicator.reduce(
        values, operation, to: root, using: algorithm, wireFormat: wireFormat)
    }
    return nil
  }

  /// Makes the call on a slice of an arena.
  func run<Scalar: ReducibleScalar>(
    on communicator: Communicator, _ slice: ArenaSlice<Scalar>
  ) throws -> Started? {
    let pending: PendingReduction
    switch (kind, isStarted) {
    case (.allReduce, false):
      try communicator.allReduce(
        slice, operation, using: algorithm, wireFormat: wireFormat, name: name)
      return nil
    case (.reduceScatter, false):
      _ = try communicator.reduceScatter(slice, operation)
      return nil
    case (.allGather, false):
      try communicator.allGather(slice)
      return nil
    case (.broadcast(let root), false):
      try communicator.broadcast(slice, from: root)
      return nil
    case (.allReduce, true):
      pending = try communicator.startAllReduce(
        slice, operation, using: algorithm, wireFormat: wireFormat, name: name)
    case (.reduceScatter, true): pending = try communicator.startReduceScatter(slice, operation)
    case (.allGather, true): pending = try communicator.startAllGather(slice)
    case (.broadcast(let root), true):
      pending = try communicator.startBroadcast(slice, from: root)
    case (.reduce(let root), _):
      pending = try communicator.startReduce(slice, operation, to: root)
    }
    if isStarted { return Started(pending) }
    try pending.wait()
    return nil
  }
}

/// A started reduction that can be kept in an array.
final class Started {
  private var reduction: PendingReduction?

  init(_ reduction: consuming PendingReduction) { self.reduction = consume reduction }

  func wait() throws { try reduction.take()?.wait() }
}

extension ScalarType {
  /// Bytes of an element.
  var bytes: Int { self == .float || self == .int32 ? 4 : 8 }
}
