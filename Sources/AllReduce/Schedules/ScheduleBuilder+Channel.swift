extension ScheduleBuilder {
  /// The messages to, or from, one other rank, and the scratch memory that they use.
  struct Channel {
    private var messages: [Int32] = []
    /// The slots of this channel, used in turn: which of the schedule's slots each is, and the step
    /// that used it last.
    private var slots: [(number: Int, lastUser: Int32)] = []
    private var nextSlot = 0

    /// One segment of scratch memory.
    struct Slot {
      /// Its slot in the schedule.
      let number: Int
      fileprivate let place: Int
    }

    /// Numbers a message, and makes it wait for the one that is `window` before it.
    mutating func add(
      _ step: Int32, _ window: Int, waitingFor dependencies: inout [Int32]
    ) -> Int {
      if messages.count >= window { dependencies.append(messages[messages.count - window]) }
      messages.append(step)
      return messages.count - 1
    }

    /// A slot for the next message, which waits for the last user of it: a new one of the schedule's
    /// `slotCount` until there are `window`.
    mutating func takeSlot(
      _ window: Int, _ slotCount: inout Int, waitingFor dependencies: inout [Int32]
    ) -> Slot {
      if slots.count < window {
        slots.append((slotCount, -1))
        slotCount += 1
        nextSlot = slots.count - 1
      }
      let place = nextSlot
      nextSlot = (place + 1) % window
      if slots[place].lastUser >= 0 { dependencies.append(slots[place].lastUser) }
      return Slot(number: slots[place].number, place: place)
    }

    /// The step after which the slot may be used again.
    func lastUser(of slot: Slot) -> Int32 { slots[slot.place].lastUser }

    /// Notes the step after which the slot may be used again.
    mutating func note(_ step: Int32, asLastUserOf slot: Slot) {
      slots[slot.place].lastUser = step
    }
  }
}
