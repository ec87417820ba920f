public import CKernels

/// The last calls of this rank on all its communicators, in memory that is allocated once. The memory follows the
/// rank's ``WatchRecord``, where other processes of this user can read it.
///
/// To note a call, one cache line is written. The record serves to check what other ranks report, and to say in errors
/// which calls a rank made.
@usableFromInline
package struct CallRecord {
  /// A call in the record.
  @usableFromInline
  package struct Entry {
    /// The communicator's number (``Agreement/id``).
    @usableFromInline package var communicator: UInt64
    /// The number of the call on its communicator, from 1.
    @usableFromInline package var number: UInt64
    /// The hash over all calls on the communicator up to this one.
    @usableFromInline package var running: UInt64
    @usableFromInline package var call: Call

    @inlinable
    package init(communicator: UInt64, number: UInt64, running: UInt64, call: Call) {
      self.communicator = communicator
      self.number = number
      self.running = running
      self.call = call
    }
  }

  /// The number of calls that are kept.
  @inlinable package static var capacity: Int { 1024 }

  @usableFromInline package let entries: UnsafeMutablePointer<Entry>
  /// The number of calls noted so far.
  @usableFromInline package let noted: UnsafeMutablePointer<Int>

  /// The record of this process; used only by the thread that calls MPI.
  nonisolated(unsafe) static let ofProcess = CallRecord()

  private init() {
    (entries, noted) = OwnRecord.ofProcess.calls
    entries.initialize(
      repeating: Entry(
        communicator: 0, number: 0, running: 0, call: .none),
      count: CallRecord.capacity)
  }

  /// Notes a call, and overwrites the oldest one when the record is full.
  @inlinable @inline(__always)
  package func note(_ call: Call, communicator: UInt64, number: UInt64, running: UInt64) {
    let place = noted.pointee
    noted.pointee = place &+ 1
    let entry = entries + (place & (CallRecord.capacity &- 1))
    entry.pointee.communicator = communicator
    entry.pointee.number = number
    entry.pointee.running = running
    entry.pointee.call.head = call.head
    entry.pointee.call.count = call.count
    // Fields that are empty in a call are mostly empty in the entry already: a load is cheaper here than a store.
    if entry.pointee.call.segment != call.segment { entry.pointee.call.segment = call.segment }
    if entry.pointee.call.arena != call.arena { entry.pointee.call.arena = call.arena }
    if entry.pointee.call.name != call.name { entry.pointee.call.name = call.name }
    // The whole record is larger than a core's first cache: the next entry is fetched while this rank waits.
    ck_prefetch_to_write(entries + ((place &+ 1) & (CallRecord.capacity &- 1)))
  }

  /// Returns the call with a number on a communicator, if it is still kept.
  func find(communicator: UInt64, number: UInt64) -> Entry? {
    latest(of: communicator) { $0.number == number ? $0 : nil }
  }

  /// Returns the last `count` calls on a communicator, the latest first.
  func recent(of communicator: UInt64, count: Int) -> [Entry] {
    var found: [Entry] = []
    _ = latest(of: communicator) { entry -> Entry? in
      found.append(entry)
      return found.count == count ? entry : nil
    }
    return found
  }

  private func latest(of communicator: UInt64, _ body: (Entry) -> Entry?) -> Entry? {
    let count = min(noted.pointee, CallRecord.capacity)
    for back in 1...max(count, 1) where count > 0 {
      let entry = entries[(noted.pointee &- back) & (CallRecord.capacity &- 1)]
      if entry.communicator == communicator, let result = body(entry) { return result }
    }
    return nil
  }
}
