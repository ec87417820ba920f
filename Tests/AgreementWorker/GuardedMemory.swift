import AllReduce

/// A call's elements between two margins of known bytes, which no call may change.
final class GuardedMemory {
  /// The call's own bytes.
  let bytes: UnsafeMutableRawBufferPointer
  private let before: UnsafeMutableRawBufferPointer
  private let after: UnsafeMutableRawBufferPointer
  private let owned: UnsafeMutableRawPointer?

  /// Bytes of a margin.
  static let margin = 65_536
  private static let known: UInt8 = 0xA5

  /// Memory of this process alone. The second margin is longer: what overruns it ends the process.
  init(byteCount: Int) {
    let (margin, longer) = (GuardedMemory.margin, 8 * GuardedMemory.margin)
    let base = UnsafeMutableRawPointer.allocate(
      byteCount: margin + byteCount + longer, alignment: 64)
    owned = base
    before = UnsafeMutableRawBufferPointer(start: base, count: margin)
    bytes = UnsafeMutableRawBufferPointer(start: base + margin, count: byteCount)
    after = UnsafeMutableRawBufferPointer(start: base + margin + byteCount, count: longer)
    setMargins()
  }

  /// A range of this rank's part of an arena, which has room for the margins around it.
  init<Scalar: ReducibleScalar>(_ slice: ArenaSlice<Scalar>) {
    bytes = UnsafeMutableRawBufferPointer(slice.values)
    let base = UnsafeMutableRawPointer(slice.arena.values.baseAddress!)
    let stride = MemoryLayout<Scalar>.stride
    let (lower, upper) = (slice.range.lowerBound * stride, slice.range.upperBound * stride)
    precondition(
      lower >= GuardedMemory.margin && upper + GuardedMemory.margin <= slice.arena.count * stride,
      "The range \(slice.range) leaves no room for margins.")
    owned = nil
    before = UnsafeMutableRawBufferPointer(
      start: base + lower - GuardedMemory.margin, count: GuardedMemory.margin)
    after = UnsafeMutableRawBufferPointer(start: base + upper, count: GuardedMemory.margin)
    setMargins()
  }

  deinit { owned?.deallocate() }

  private func setMargins() {
    for margin in [before, after] {
      _ = margin.initializeMemory(as: UInt8.self, repeating: GuardedMemory.known)
    }
  }

  /// Whether the margins hold what they held.
  var isIntact: Bool {
    [before, after].allSatisfy { margin in margin.allSatisfy { $0 == GuardedMemory.known } }
  }

  /// The call's elements.
  func elements<Scalar>(of type: Scalar.Type) -> UnsafeMutableBufferPointer<Scalar> {
    bytes.bindMemory(to: type)
  }
}

/// The arenas that cells share. Made by all ranks at the first cell that needs them.
final class CellArenas {
  /// The first element of every slice: as far in as a margin, in elements of 4 bytes.
  static let start = GuardedMemory.margin / 4
  let float: Arena<Float>
  let otherFloat: Arena<Float>
  let int32: Arena<Int32>
  let double: Arena<Double>

  init(_ world: Communicator) throws {
    let count = CellArenas.start * 2 + 310_000
    float = try Arena(count: count, over: world)
    otherFloat = try Arena(count: count, over: world)
    int32 = try Arena(count: count, over: world)
    double = try Arena(count: count, over: world)
  }
}
