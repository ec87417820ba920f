/// Memory of the host in which the ranks' numbers live, so that a reduction need not move them.
///
/// A symmetric arena gives each rank a part of its own, which the other ranks of the host can read
/// and write during a reduction: an all-reduce is then one pass over memory, without a copy. A
/// single arena is one part that all ranks of a host share. Ranks of one machine that cannot share memory
/// (containers of their own) count as hosts of their own. The memory belongs to the host and goes
/// when the last rank releases it; nothing has a name, so nothing can be left behind.
///
/// One arena serves any group of its ranks: a reduction names the communicator.
public final class Arena<Scalar: ReducibleScalar> {
  /// How the memory is divided.
  public enum Sharing: Sendable {
    /// A part for each rank.
    case symmetric
    /// One part for all ranks of a host.
    case single
  }

  /// Elements of a part.
  public let count: Int
  /// How the memory is divided.
  public var sharing: Sharing { memory.isSingle ? .single : .symmetric }
  /// This rank's part: `count` elements, zero at first. In a single arena all ranks' part.
  public let values: UnsafeMutableBufferPointer<Scalar>

  @usableFromInline package let memory: ArenaMemory

  /// Makes an arena.
  ///
  /// Collective: all ranks must call it with the same count, type and sharing, which are compared before
  /// anything is made. Takes `count` elements of memory a rank (symmetric) or a host (single), touched now.
  /// Also costs three all-gathers of a few numbers a rank.
  ///
  /// - Parameters:
  ///   - count: Elements of a part.
  ///   - communicator: The ranks that get one.
  ///   - sharing: How the memory is divided.
  /// - Throws: ``AgreedError`` if ranks ask for different arenas, or a host has not enough memory (it says
  ///   how much is needed and how much there is); ``MPIError``.
  public convenience init(
    count: Int, over communicator: Communicator, sharing: Sharing = .symmetric
  ) throws {
    try self.init(count: count, over: communicator, sharing: sharing, ways: nil)
  }

  package init(
    count: Int, over communicator: Communicator, sharing: Sharing, ways: [HostMemoryWay]?
  ) throws {
    precondition(count >= 0, "An arena cannot have \(count) elements.")
    memory = try ArenaMemory(
      count: count, of: Scalar.scalarType, over: communicator, isSingle: sharing == .single,
      ways: ways)
    self.count = count
    values = UnsafeMutableBufferPointer(
      start: memory.own.bindMemory(to: Scalar.self, capacity: Swift.max(count, 1)), count: count)
  }

  /// A range of this rank's part, to be reduced.
  @inlinable
  public subscript(range: Range<Int>) -> ArenaSlice<Scalar> {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= count,
      "The range \(range) is not within the arena's \(count) elements.")
    return ArenaSlice(arena: self, range: range)
  }

  /// All of this rank's part.
  @inlinable
  public var all: ArenaSlice<Scalar> { self[0..<count] }

  /// One element of this rank's part.
  @inlinable
  public subscript(index: Int) -> Scalar {
    get { values[index] }
    set { values[index] = newValue }
  }
}

/// A range of a rank's part of an ``Arena``.
public struct ArenaSlice<Scalar: ReducibleScalar> {
  /// The memory it is in.
  public let arena: Arena<Scalar>
  /// Which elements of the part.
  public let range: Range<Int>

  @inlinable
  init(arena: Arena<Scalar>, range: Range<Int>) {
    self.arena = arena
    self.range = range
  }

  /// This rank's elements.
  package var values: UnsafeMutableBufferPointer<Scalar> {
    UnsafeMutableBufferPointer(rebasing: arena.values[range])
  }
}
