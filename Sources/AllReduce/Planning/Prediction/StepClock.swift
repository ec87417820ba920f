/// The predicted times of a step, while its layers are added from the last to the first.
///
/// That is the order of the backward pass; each layer's forward pass is added at the same time. While a rank computes,
/// gradients are on the link, and computation and link slow each other down (``MachineProfile/Overlap``). A clock that
/// is ahead of another (no figure is larger) stays ahead when the same layer is added to both. So the fastest plan is
/// found by keeping, for each layout, only the clocks that no other clock is ahead of.
struct StepClock: Equatable, Sendable {
  /// The seconds of passes, and of exchanges that the rank waits for.
  var seconds = 0.0
  /// The seconds for which the link is still busy with gradients.
  var pending = 0.0
  /// The seconds of gathering new weights that the forward passes added so far do not hide.
  var gathering = 0.0
  /// The number of bytes of memory that a rank uses.
  var memory = 0.0

  /// The seconds of the step, if no other layer is added.
  var total: Double { seconds + pending + gathering }

  /// Adds `work` seconds of computation, during which transfers on the link continue.
  mutating func compute(_ work: Double, _ overlap: MachineProfile.Overlap) {
    let together = min(pending * overlap.linkSlowDown, work * overlap.computeSlowDown)
    seconds += together + (work - together / overlap.computeSlowDown)
    pending -= together / overlap.linkSlowDown
    if pending < 1e-15 { pending = 0 }
  }

  /// Adds an exchange that the rank waits for; if gradients use the same link, each gets half of the bandwidth.
  mutating func wait(_ exchange: Double, sharesLink: Bool) {
    let shared = sharesLink ? min(exchange, pending) : 0
    seconds += exchange + shared
    pending -= shared
  }

  /// Adds a layer's forward pass before those that were added; the layer's new weights arrive after `gather` seconds.
  mutating func forward(_ work: Double, gather: Double, _ overlap: MachineProfile.Overlap) {
    let together = min(gathering * overlap.linkSlowDown, work * overlap.computeSlowDown)
    seconds += together + (work - together / overlap.computeSlowDown)
    gathering = max(0, gathering - together / overlap.linkSlowDown) + gather
  }

  /// Adds the computation of gradients, which are exchanged as they become ready.
  ///
  /// - Parameters:
  ///   - work: The seconds of computation.
  ///   - exchange: The seconds on the link.
  ///   - piece: The fraction of both that is exchanged at once, from 0 to 1.
  ///   - overlap: How much computation and the link slow each other down.
  mutating func learn(
    _ work: Double, exchange: Double, piece: Double, _ overlap: MachineProfile.Overlap
  ) {
    compute(work * piece, overlap)
    pending += exchange
    compute(work * (1 - piece), overlap)
    // The last piece cannot be sent before it has been computed.
    pending = max(pending, exchange * piece)
  }

  /// Whether no figure of this clock is larger than the other's; memory counts only if `inMemory`.
  func isAhead(of other: StepClock, inMemory: Bool) -> Bool {
    seconds <= other.seconds && pending <= other.pending && gathering <= other.gathering
      && (!inMemory || memory <= other.memory)
  }
}
