extension ScheduleBuilder {
  /// The messages to one peer, or from one peer, and the slots of scratch memory that they use.
  struct Channel {
    private var messages: [Int32] = []
    /// The slots of this channel, which are used cyclically: the number of each in the schedule, and the step that used
    /// it last (-1 if none has).
    private var slots: [(number: Int, lastUser: Int32)] = []
    private var nextSlot = 0

    /// A slot of scratch memory: room for one segment.
    struct Slot {
      /// The number of the slot in the schedule.
      let number: Int
      fileprivate let place: Int
    }

    /// Adds the message of `step`, and makes it wait for the message that is `window` before it. Returns the message's
    /// number.
    mutating func add(
      _ step: Int32, _ window: Int, waitingFor dependencies: inout [Int32]
    ) -> Int {
      if messages.count >= window { dependencies.append(messages[messages.count - window]) }
      messages.append(step)
      return messages.count - 1
    }

    /// Returns a slot for the next message, and makes the message wait for the step that used the slot last. The slots
    /// are new ones of the schedule, counted in `slotCount`, until the channel has `window` of them.
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

    /// Returns the step after which the slot may be used again.
    func lastUser(of slot: Slot) -> Int32 { slots[slot.place].lastUser }

    /// Sets the step after which the slot may be used again.
    mutating func note(_ step: Int32, asLastUserOf slot: Slot) {
      slots[slot.place].lastUser = step
    }
  }
}
