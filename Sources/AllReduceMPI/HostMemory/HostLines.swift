internal import CKernels
public import Synchronization

/// Shared memory in which the ranks of a host announce their calls and progress.
///
/// Every rank has an area of shared memory: call lines, flags, and slots for data, each of which one rank
/// writes and the others read. A flag is a number that only grows; its store releases what was written
/// before, its load acquires it. The areas may belong to processes (``HostSegment``) or to threads of one
/// process (tests, the thread sanitizer).
///
/// A value of one address: a small reduction takes less time than counting references to an object would.
/// Inlinable for the same reason: the collectives are in another module. The owner calls
/// ``deallocate()`` when done.
@usableFromInline
package struct HostLines {
  /// What is done once a wait has become slow: called again and again with the rank that is waited for and
  /// since when (0 at first); returns since when, and whether to sleep now. Throws if the call must not continue.
  package typealias Idle = (_ owner: Int, _ since: UInt64) throws(CallFailed) -> (
    since: UInt64, maySleep: Bool
  )

  /// A number that its owner raises and the others wait for.
  @usableFromInline
  package struct Flag {
    @usableFromInline package let number: UnsafeMutablePointer<Atomic<UInt64>>

    @inlinable @inline(__always)
    package init(at address: UnsafeMutableRawPointer) {
      number = address.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// What the owner wrote before it raised the number to what is read here is visible.
    @inlinable @inline(__always)
    package var value: UInt64 { number.pointee.load(ordering: .acquiring) }

    fileprivate var address: UnsafePointer<UInt64> {
      UnsafeRawPointer(number).assumingMemoryBound(to: UInt64.self)
    }
  }

  /// How many calls may be under way: the number of call lines of a rank.
  @inlinable package static var depth: Int { 16 }
  /// A call line is a cache line: number, signature, place, and this many bytes of payload.
  @inlinable package static var inlineBytes: Int { 40 }
  /// A slot for a small vector that is sent whole; there are two.
  @inlinable package static var slotBytes: Int { 16 << 10 }
  /// A slot for a piece of a large one; there are two.
  @inlinable package static var pieceBytes: Int { 128 << 10 }

  /// Bytes of an area.
  @inlinable package static var areaBytes: Int { dataStart + 2 * slotBytes + 2 * pieceBytes }
  @inlinable package static var dataStart: Int { 4096 }

  /// This rank's number among those of the host.
  @inlinable @inline(__always)
  package var rank: Int { state.pointee.rank }
  @inlinable @inline(__always)
  package var size: Int { state.pointee.size }
  @inlinable @inline(__always)
  package var areas: UnsafeMutablePointer<UnsafeMutableRawPointer> { state.pointee.areas }
  /// Counts what this rank reads from and writes to memory of the others.
  @inlinable @inline(__always)
  package var traffic: UnsafeMutablePointer<TrafficCounters> { state.pointee.traffic }
  /// The progress of this rank.
  @inlinable @inline(__always)
  package var counters: UnsafeMutablePointer<Counters> {
    // The first of the state.
    UnsafeMutableRawPointer(state).assumingMemoryBound(to: Counters.self)
  }

  @usableFromInline package let state: UnsafeMutablePointer<State>
  private var patience: Int { state.pointee.patience }
  private var idle: Unmanaged<IdleFunction> { state.pointee.idle }

  /// In memory of its own, so that one address is all that is kept and copied: what a small reduction stores
  /// on its stack is delayed by the line of its announcement.
  @usableFromInline
  package struct State {
    @usableFromInline var counters = Counters()
    @usableFromInline let rank: Int
    @usableFromInline let size: Int
    @usableFromInline let areas: UnsafeMutablePointer<UnsafeMutableRawPointer>
    @usableFromInline let traffic: UnsafeMutablePointer<TrafficCounters>
    fileprivate let patience: Int
    fileprivate let idle: Unmanaged<IdleFunction>
  }

  fileprivate final class IdleFunction {
    let call: Idle
    init(_ call: @escaping Idle) { self.call = call }
  }

  @usableFromInline
  package struct Counters {
    @usableFromInline package var call: UInt64 = 0
    @usableFromInline package var exchange: UInt64 = 0
    @usableFromInline package var piece: UInt64 = 0
    @usableFromInline package var meeting: UInt64 = 0

    @usableFromInline
    package init(call: UInt64 = 0, exchange: UInt64 = 0, piece: UInt64 = 0, meeting: UInt64 = 0) {
      self.call = call
      self.exchange = exchange
      self.piece = piece
      self.meeting = meeting
    }

    /// Counters of ranks that disagreed: the higher ones, with which all can continue.
    mutating func advance(to other: Counters) {
      call = max(call, other.call)
      // Ranks may have stopped in front of the next one.
      exchange = max(exchange, other.exchange)
      piece = max(piece, other.piece)
      meeting = max(meeting, other.meeting)
    }
  }

  /// The number of the last call.
  @inlinable @inline(__always)
  package var call: UInt64 {
    get { counters.pointee.call }
    nonmutating set { counters.pointee.call = newValue }
  }

  /// The number of the last whole exchange through slots.
  @inlinable @inline(__always)
  package var exchange: UInt64 {
    get { counters.pointee.exchange }
    nonmutating set { counters.pointee.exchange = newValue }
  }

  /// The number of the last staged piece.
  @inlinable @inline(__always)
  package var piece: UInt64 {
    get { counters.pointee.piece }
    nonmutating set { counters.pointee.piece = newValue }
  }

  /// Joins the areas.
  ///
  /// - Parameters:
  ///   - rank: This rank's number.
  ///   - areas: One a rank, all zero at first.
  ///   - patience: How often a flag is looked at before the wait becomes slow.
  ///   - traffic: Counts what this rank moves.
  ///   - idle: Called in a slow wait.
  package init(
    rank: Int, areas: [UnsafeMutableRawPointer], patience: Int,
    traffic: UnsafeMutablePointer<TrafficCounters> = TrafficCounters.ofProcess,
    idle: @escaping Idle
  ) {
    let copies = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: areas.count)
    copies.initialize(from: areas, count: areas.count)
    state = .allocate(capacity: 1)
    state.initialize(
      to: State(
        rank: rank, size: areas.count, areas: copies, traffic: traffic, patience: patience,
        idle: .passRetained(IdleFunction(idle))))
  }

  /// Frees what this rank allocated; the areas stay.
  package func deallocate() {
    areas.deallocate()
    idle.release()
    state.deallocate()
  }

  /// A call line of a rank.
  ///
  /// Two ranks swap their lines every ``depth`` calls, so that a rank writes a line that it read last and
  /// need not ask it back from the other's cache: a tenth of a small call's time.
  @inlinable @inline(__always)
  package func line(_ owner: Int, _ call: UInt64) -> CallLine {
    let (turn, index) = call.quotientAndRemainder(dividingBy: UInt64(HostLines.depth))
    let area = size == 2 ? areas[owner ^ Int(turn & 1)] : areas[owner]
    return CallLine(area + Int(truncatingIfNeeded: index) &* 64)
  }

  /// The number of the last call whose result a rank has written.
  @inlinable @inline(__always)
  package func finished(_ owner: Int) -> Flag { flag(owner, 16) }

  /// The number of the last piece that a rank has put into its slot for the others.
  @inlinable @inline(__always)
  package func staged(_ owner: Int) -> Flag { flag(owner, 17) }

  /// The number of the last piece of which a rank has put its share of the result into the slots.
  @inlinable @inline(__always)
  package func reduced(_ owner: Int) -> Flag { flag(owner, 18) }

  /// The number of the last call whose slice a rank has brought back from the other hosts.
  @inlinable @inline(__always)
  package func carried(_ owner: Int) -> Flag { flag(owner, 19) }

  /// The number of the last call whose result a rank has taken from the host's.
  @inlinable @inline(__always)
  package func taken(_ owner: Int) -> Flag { flag(owner, 20) }

  /// The number of the last even or odd meeting to which a rank has come.
  private func arrived(_ owner: Int, _ number: UInt64) -> Flag {
    flag(owner, number & 1 == 0 ? 21 : 24)
  }

  /// The signature with which the rank arrived, in the same line.
  private func arrivedSignature(_ owner: Int, _ number: UInt64) -> UnsafeMutablePointer<UInt64> {
    (areas[owner] + (number & 1 == 0 ? 21 : 24) &* 64 + 8).assumingMemoryBound(to: UInt64.self)
  }

  /// How many ranks sleep until a rank raises some flag.
  @inlinable @inline(__always)
  package func sleepers(_ owner: Int) -> Flag { flag(owner, 22) }

  /// Of two ranks: the number of the last exchange whose second half a rank has put into its slot. Swapped as
  /// the slots are.
  @inlinable @inline(__always)
  package func filled(_ owner: Int, _ exchange: UInt64) -> Flag {
    flag(owner ^ Int(exchange & 1), 23)
  }

  @inlinable @inline(__always)
  package func flag(_ owner: Int, _ line: Int) -> Flag {
    Flag(at: areas[owner] + line &* 64)
  }

  /// Where a small vector of a rank lies at a whole exchange of some number.
  ///
  /// Two ranks have a slot each and swap them every time: a rank writes where it read last.
  @inlinable @inline(__always)
  package func slot(_ owner: Int, _ exchange: UInt64) -> UnsafeMutableRawPointer {
    let turn = Int(exchange & 1)
    let start = HostLines.dataStart
    return size == 2
      ? areas[owner ^ turn] + start : areas[owner] + start + turn &* HostLines.slotBytes
  }

  /// Where an even or odd piece lies, first as its rank has it, then as it is reduced.
  @inlinable @inline(__always)
  package func stagedSlot(_ owner: Int, _ piece: UInt64) -> UnsafeMutableRawPointer {
    areas[owner] + HostLines.dataStart + 2 &* HostLines.slotBytes
      + Int(piece & 1) &* HostLines.pieceBytes
  }

  /// Waits until all ranks have come here with the same signature: what each wrote before, all can read.
  ///
  /// Two lines take turns: a rank that comes to the next meeting but one knows that all have read what it
  /// wrote at this one.
  ///
  /// - Throws: ``CallFailed`` if a rank came with another signature, or the wait must end.
  package func meet(_ signature: UInt64) throws(CallFailed) {
    counters.pointee.meeting &+= 1
    let number = counters.pointee.meeting
    arrivedSignature(rank, number).pointee = signature
    raise(arrived(rank, number), to: number)
    for owner in 0..<size where owner != rank {
      try wait(for: arrived(owner, number), toReach: number, of: owner)
      if arrivedSignature(owner, number).pointee != signature { throw CallFailed() }
    }
  }

  /// Raises a flag of this rank: makes all that it wrote before visible to ranks that see the new number.
  @inlinable @inline(__always)
  package func raise(_ flag: Flag, to value: UInt64) {
    flag.number.pointee.store(value, ordering: .releasing)
    // The store may become visible after this load, and a rank that fell asleep in between be missed: it
    // wakes by itself soon. A fence here would delay every call.
    if sleepers(rank).number.pointee.load(ordering: .relaxed) != 0 { wakeSleepers(on: flag) }
  }

  @inline(never) @usableFromInline
  package func wakeSleepers(on flag: Flag) { ck_wake(flag.address) }

  /// Waits until a flag has grown to `number`.
  @inlinable @inline(__always)
  package func wait(for flag: Flag, toReach number: UInt64, of owner: Int) throws(CallFailed) {
    if flag.value < number { try waitLonger(for: flag, toReach: number, of: owner) }
  }

  @inline(never) @usableFromInline
  package func waitLonger(
    for flag: Flag, toReach number: UInt64, of owner: Int
  ) throws(CallFailed) {
    var looks = patience
    while looks > 0 {
      ck_pause()
      if flag.value >= number { return }
      looks &-= 1
    }
    var since: UInt64 = 0
    while flag.value < number {
      let step = try idle._withUnsafeGuaranteedRef { $0.call }(owner, since)
      since = step.since
      if step.maySleep { sleep(until: flag, reaches: number, of: owner) }
    }
  }

  /// Sleeps until a rank wakes the ranks that wait for it, a millisecond at most.
  ///
  /// Only in waits that last: to be woken takes 35 µs (naps of 20 µs ended 50 µs too late), and to wake takes
  /// 10 to 20 µs of the rank that was waited for. So with 3, 4, 5 ranks on 2 cores a reduction took 24, 26,
  /// 33 µs where each wait slept, and 3, 5, 7 µs where it gave the core away by `sched_yield`.
  private func sleep(until flag: Flag, reaches number: UInt64, of owner: Int) {
    let sleepers = sleepers(owner).number
    sleepers.pointee.add(1, ordering: .sequentiallyConsistent)
    let seen = flag.value
    if seen < number { ck_sleep_while(flag.address, seen, 1_000_000) }
    sleepers.pointee.subtract(1, ordering: .relaxed)
  }

  /// One call of one rank, in a cache line.
  @usableFromInline
  package struct CallLine {
    @usableFromInline package let base: UnsafeMutableRawPointer

    @inlinable @inline(__always)
    package init(_ base: UnsafeMutableRawPointer) { self.base = base }

    /// The number of the call: what the others wait for.
    @inlinable @inline(__always)
    package var number: Flag { Flag(at: base) }

    /// The hash over all calls up to this one (``Ticket/running``).
    @inlinable @inline(__always)
    package var signature: UInt64 {
      get { base.load(fromByteOffset: 8, as: UInt64.self) }
      nonmutating set { base.storeBytes(of: newValue, toByteOffset: 8, as: UInt64.self) }
    }

    /// Where in the owner's part of the arena the elements are.
    @inlinable @inline(__always)
    package var place: Int {
      get { base.load(fromByteOffset: 16, as: Int.self) }
      nonmutating set { base.storeBytes(of: newValue, toByteOffset: 16, as: Int.self) }
    }

    /// Room for ``HostLines/inlineBytes`` bytes of data.
    @inlinable @inline(__always)
    package var payload: UnsafeMutableRawPointer { base + 24 }
  }
}
