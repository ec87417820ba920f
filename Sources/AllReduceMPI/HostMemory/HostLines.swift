internal import CKernels
public import Synchronization

/// Shared memory in which the ranks of a host announce their calls and progress.
///
/// Every rank has an area of shared memory with call lines, flags, and slots for data; each of these is written by one
/// rank and read by the others. A flag is a number that only grows: its store releases what was written before, and its
/// load acquires it. The areas may belong to processes (``HostSegment``) or to threads of one process (in tests and
/// under the thread sanitizer).
///
/// The value consists of one address, because counting references to an object would take longer than a small
/// reduction. It is inlinable for the same reason, since the collectives are in another module. The owner calls
/// ``deallocate()`` when done.
@usableFromInline
package struct HostLines {
  /// The function that is called repeatedly once a wait has become slow. It takes the rank that is waited for, and the
  /// time since which the wait has been slow (0 at first). It returns that time, and whether to sleep now. It throws if
  /// the call must not continue.
  package typealias Idle = (_ owner: Int, _ since: UInt64) throws(CallFailed) -> (
    since: UInt64, maySleep: Bool
  )

  /// A number that its owner raises and that the other ranks wait for.
  @usableFromInline
  package struct Flag {
    @usableFromInline package let number: UnsafeMutablePointer<Atomic<UInt64>>

    @inlinable @inline(__always)
    package init(at address: UnsafeMutableRawPointer) {
      number = address.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// The flag's present number. All that the owner wrote before it raised the flag to this number is visible.
    @inlinable @inline(__always)
    package var value: UInt64 { number.pointee.load(ordering: .acquiring) }

    fileprivate var address: UnsafePointer<UInt64> {
      UnsafeRawPointer(number).assumingMemoryBound(to: UInt64.self)
    }
  }

  /// The number of calls that may be in flight, which is the number of call lines of a rank.
  @inlinable package static var depth: Int { 16 }
  /// The number of payload bytes in a call line, which is a cache line with a number, a signature, a place, and the
  /// payload.
  @inlinable package static var inlineBytes: Int { 40 }
  /// The number of bytes in a slot for a small vector that is sent whole; each rank has two such slots.
  @inlinable package static var slotBytes: Int { 16 << 10 }
  /// The number of bytes in a slot for a piece of a large vector; each rank has two such slots.
  @inlinable package static var pieceBytes: Int { 128 << 10 }

  /// The number of bytes in the area of a rank.
  @inlinable package static var areaBytes: Int { dataStart + 2 * slotBytes + 2 * pieceBytes }
  @inlinable package static var dataStart: Int { 4096 }

  /// This rank's number among the ranks of the host.
  @inlinable @inline(__always)
  package var rank: Int { state.pointee.rank }
  @inlinable @inline(__always)
  package var size: Int { state.pointee.size }
  @inlinable @inline(__always)
  package var areas: UnsafeMutablePointer<UnsafeMutableRawPointer> { state.pointee.areas }
  /// Counts the bytes that this rank reads from and writes to the memory of other ranks.
  @inlinable @inline(__always)
  package var traffic: UnsafeMutablePointer<TrafficCounters> { state.pointee.traffic }
  /// The counters of this rank's progress.
  @inlinable @inline(__always)
  package var counters: UnsafeMutablePointer<Counters> {
    // The counters are the first field of the state.
    UnsafeMutableRawPointer(state).assumingMemoryBound(to: Counters.self)
  }

  @usableFromInline package let state: UnsafeMutablePointer<State>
  private var patience: Int { state.pointee.patience }
  private var idle: Unmanaged<IdleFunction> { state.pointee.idle }

  /// The fields, in separate memory, so that only one address is kept and copied: what a small reduction stores on its
  /// stack is delayed by the cache line of its announcement.
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
    @usableFromInline package var barrier: UInt64 = 0

    @usableFromInline
    package init(call: UInt64 = 0, exchange: UInt64 = 0, piece: UInt64 = 0, barrier: UInt64 = 0) {
      self.call = call
      self.exchange = exchange
      self.piece = piece
      self.barrier = barrier
    }

    /// Raises each counter to that of another rank, if it is higher, so that ranks that disagreed can continue with the
    /// same numbers.
    mutating func advance(to other: Counters) {
      call = max(call, other.call)
      // Ranks may have stopped before the next exchange.
      exchange = max(exchange, other.exchange)
      piece = max(piece, other.piece)
      barrier = max(barrier, other.barrier)
    }
  }

  /// The number of this rank's last call.
  @inlinable @inline(__always)
  package var call: UInt64 {
    get { counters.pointee.call }
    nonmutating set { counters.pointee.call = newValue }
  }

  /// The number of the last exchange of whole vectors through slots.
  @inlinable @inline(__always)
  package var exchange: UInt64 {
    get { counters.pointee.exchange }
    nonmutating set { counters.pointee.exchange = newValue }
  }

  /// The number of the last piece that was staged in a slot.
  @inlinable @inline(__always)
  package var piece: UInt64 {
    get { counters.pointee.piece }
    nonmutating set { counters.pointee.piece = newValue }
  }

  /// Creates the lines of a rank, on the areas of all ranks.
  ///
  /// - Parameters:
  ///   - rank: This rank's number among the ranks of the host.
  ///   - areas: The area of each rank, all zero at first.
  ///   - patience: The number of times that a flag is polled before the wait counts as slow.
  ///   - traffic: Counts the bytes that this rank reads and writes.
  ///   - idle: Called repeatedly in a slow wait.
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

  /// Frees the memory that this rank allocated; the areas stay.
  package func deallocate() {
    areas.deallocate()
    idle.release()
    state.deallocate()
  }

  /// Returns the line in which a rank announces a call.
  ///
  /// With two ranks, the ranks swap their lines every ``depth`` calls, so that a rank writes the line that it read last
  /// and need not fetch it from the other rank's cache, which would take a tenth of a small call's time.
  @inlinable @inline(__always)
  package func line(_ owner: Int, _ call: UInt64) -> CallLine {
    let (turn, index) = call.quotientAndRemainder(dividingBy: UInt64(HostLines.depth))
    let area = size == 2 ? areas[owner ^ Int(turn & 1)] : areas[owner]
    return CallLine(area + Int(truncatingIfNeeded: index) &* 64)
  }

  /// Returns the flag with the number of the last call whose result a rank has written.
  @inlinable @inline(__always)
  package func finished(_ owner: Int) -> Flag { flag(owner, 16) }

  /// Returns the flag with the number of the last piece that a rank has put into its slot for the others.
  @inlinable @inline(__always)
  package func staged(_ owner: Int) -> Flag { flag(owner, 17) }

  /// Returns the flag with the number of the last piece for which a rank has put its share of the result into the
  /// slots.
  @inlinable @inline(__always)
  package func reduced(_ owner: Int) -> Flag { flag(owner, 18) }

  /// Returns the flag with the number of the last call for which a rank has brought its slice of the result from the
  /// other hosts.
  @inlinable @inline(__always)
  package func carried(_ owner: Int) -> Flag { flag(owner, 19) }

  /// Returns the flag with the number of the last call whose result a rank has copied from the host's memory.
  @inlinable @inline(__always)
  package func taken(_ owner: Int) -> Flag { flag(owner, 20) }

  /// Returns the flag with the number of the last even, or the last odd, barrier (``meet(_:)``) at which a rank has
  /// arrived.
  private func arrived(_ owner: Int, _ number: UInt64) -> Flag {
    flag(owner, number & 1 == 0 ? 21 : 24)
  }

  /// Returns the address of the signature with which the rank arrived, in the cache line of that flag.
  private func arrivedSignature(_ owner: Int, _ number: UInt64) -> UnsafeMutablePointer<UInt64> {
    (areas[owner] + (number & 1 == 0 ? 21 : 24) &* 64 + 8).assumingMemoryBound(to: UInt64.self)
  }

  /// Returns the number of ranks that sleep until a rank raises one of its flags, as a flag of that rank.
  @inlinable @inline(__always)
  package func sleepers(_ owner: Int) -> Flag { flag(owner, 22) }

  /// For two ranks: returns the flag that says how far a rank has filled its slot: the number of the last exchange
  /// whose second half is there. As with ``slot(_:_:)``, the ranks trade flags at every exchange.
  @inlinable @inline(__always)
  package func filled(_ owner: Int, _ exchange: UInt64) -> Flag {
    flag(owner ^ Int(exchange & 1), 23)
  }

  @inlinable @inline(__always)
  package func flag(_ owner: Int, _ line: Int) -> Flag {
    Flag(at: areas[owner] + line &* 64)
  }

  /// Returns the slot of a rank for its small vector in a whole exchange.
  ///
  /// Two ranks have one slot each and swap the slots every time, so that a rank writes where it read last.
  @inlinable @inline(__always)
  package func slot(_ owner: Int, _ exchange: UInt64) -> UnsafeMutableRawPointer {
    let turn = Int(exchange & 1)
    let start = HostLines.dataStart
    return size == 2
      ? areas[owner ^ turn] + start : areas[owner] + start + turn &* HostLines.slotBytes
  }

  /// Returns the slot of a rank for an even or odd piece, which holds the rank's own elements first and the reduced
  /// elements later.
  @inlinable @inline(__always)
  package func stagedSlot(_ owner: Int, _ piece: UInt64) -> UnsafeMutableRawPointer {
    areas[owner] + HostLines.dataStart + 2 &* HostLines.slotBytes
      + Int(piece & 1) &* HostLines.pieceBytes
  }

  /// Waits until all ranks have called this with the same signature. What each rank wrote before, all ranks can then
  /// read.
  ///
  /// Two lines are used alternately: a rank that arrives at the second barrier after this one knows that all have read
  /// what it wrote at this one.
  ///
  /// - Throws: ``CallFailed`` if a rank came with another signature, or the wait must end.
  package func meet(_ signature: UInt64) throws(CallFailed) {
    counters.pointee.barrier &+= 1
    let number = counters.pointee.barrier
    arrivedSignature(rank, number).pointee = signature
    raise(arrived(rank, number), to: number)
    for owner in 0..<size where owner != rank {
      try wait(for: arrived(owner, number), toReach: number, of: owner)
      if arrivedSignature(owner, number).pointee != signature { throw CallFailed() }
    }
  }

  /// Raises a flag of this rank, and makes all that the rank wrote before visible to ranks that see the new number.
  @inlinable @inline(__always)
  package func raise(_ flag: Flag, to value: UInt64) {
    flag.number.pointee.store(value, ordering: .releasing)
    // The store may become visible after this load, so a rank that falls asleep in between may be missed: it wakes by
    // itself soon. A fence here would delay every call.
    if sleepers(rank).number.pointee.load(ordering: .relaxed) != 0 { wakeSleepers(on: flag) }
  }

  @inline(never) @usableFromInline
  package func wakeSleepers(on flag: Flag) { ck_wake(flag.address) }

  /// Waits until a flag of the rank `owner` has grown to `number`.
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

  /// Sleeps until the rank `owner` wakes the ranks that wait for it, a millisecond at most.
  ///
  /// Used only in long waits: being woken takes 35 µs (naps of 20 µs ended 50 µs too late), and waking takes 10 to 20
  /// µs of the awaited rank's time. So with 3, 4, 5 ranks on 2 cores a reduction took 24, 26, 33 µs where each wait
  /// slept, and 3, 5, 7 µs where each wait yielded the core by `sched_yield`.
  private func sleep(until flag: Flag, reaches number: UInt64, of owner: Int) {
    let sleepers = sleepers(owner).number
    sleepers.pointee.add(1, ordering: .sequentiallyConsistent)
    let seen = flag.value
    if seen < number { ck_sleep_while(flag.address, seen, 1_000_000) }
    sleepers.pointee.subtract(1, ordering: .relaxed)
  }

  /// The announcement of one call of one rank, in a cache line.
  @usableFromInline
  package struct CallLine {
    @usableFromInline package let base: UnsafeMutableRawPointer

    @inlinable @inline(__always)
    package init(_ base: UnsafeMutableRawPointer) { self.base = base }

    /// The number of the call, as the flag that the other ranks wait for.
    @inlinable @inline(__always)
    package var number: Flag { Flag(at: base) }

    /// The hash over all calls up to this one (``Ticket/running``).
    @inlinable @inline(__always)
    package var signature: UInt64 {
      get { base.load(fromByteOffset: 8, as: UInt64.self) }
      nonmutating set { base.storeBytes(of: newValue, toByteOffset: 8, as: UInt64.self) }
    }

    /// The byte offset of the elements in the owner's part of the arena.
    @inlinable @inline(__always)
    package var place: Int {
      get { base.load(fromByteOffset: 16, as: Int.self) }
      nonmutating set { base.storeBytes(of: newValue, toByteOffset: 16, as: Int.self) }
    }

    /// The address of the payload, of up to ``HostLines/inlineBytes`` bytes.
    @inlinable @inline(__always)
    package var payload: UnsafeMutableRawPointer { base + 24 }
  }
}
