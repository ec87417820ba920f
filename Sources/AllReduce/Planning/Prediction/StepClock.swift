/// The clocks of a step, as its layers are added from the last to the first.
///
/// That is the order of the backward pass; the forward pass is added along with it. While a rank computes, gradients
/// are on the link, and both take longer for it (``MachineProfile/Overlap``). Every change keeps the order of two
/// clocks: what is not ahead of another in any figure is not after the same layers either. So the fastest plan can be
/// found by keeping, for each layout, the clocks that no other is ahead of in all figures.
struct StepClock: Equatable, Sendable {
  /// Seconds of passes, and of exchanges that are waited for.
  var seconds = 0.0
  /// Seconds that the link is busy with gradients still.
  var pending = 0.0
  /// Seconds of updates and gathered weights that the forward pass so far has waited for.
  var gathering = 0.0
  /// Bytes of memory.
  var memory = 0.0

  /// Seconds of the step, if nothing else comes.
  var total: Double { seconds + pending + gathering }

  /// Computes for a while; transfers on the link continue meanwhile.
  mutating func compute(_ work: Double, _ overlap: MachineProfile.Overlap) {
    let together = min(pending * overlap.linkSlowDown, work * overlap.computeSlowDown)
    seconds += together + (work - together / overlap.computeSlowDown)
    pending -= together / overlap.linkSlowDown
    if pending < 1e-15 { pending = 0 }
  }

  /// Waits for an exchange; where gradients use the same link, each gets half of it.
  mutating func wait(_ exchange: Double, sharesLink: Bool) {
    let shared = sharesLink ? min(exchange, pending) : 0
    seconds += exchange + shared
    pending -= shared
  }

  /// Adds a layer's forward pass in front of those that are there; its weights arrive after `gather` seconds.
  mutating func forward(_ work: Double, gather: Double, _ overlap: MachineProfile.Overlap) {
    let together = min(gathering * overlap.linkSlowDown, work * overlap.computeSlowDown)
    seconds += together + (work - together / overlap.computeSlowDown)
    gathering = max(0, gathering - together / overlap.linkSlowDown) + gather
  }

  /// Computes gradients that are exchanged as they are ready.
  ///
  /// - Parameters:
  ///   - work: Seconds of computing.
  ///   - exchange: Seconds on the link.
  ///   - piece: The part of both that is exchanged at once, from 0 to 1.
  ///   - overlap: The cost of overlap.
  mutating func learn(
    _ work: Double, exchange: Double, piece: Double, _ overlap: MachineProfile.Overlap
  ) {
    compute(work * piece, overlap)
    pending += exchange
    compute(work * (1 - piece), overlap)
    // The last piece cannot be on its way before it is there.
    pending = max(pending, exchange * piece)
  }

  /// Whether no figure of this one is larger than the other's.
  func isAhead(of other: StepClock, inMemory: Bool) -> Bool {
    seconds <= other.seconds && pending <= other.pending && gathering <= other.gathering
      && (!inMemory || memory <= other.memory)
  }
}
