/// The cost of a layer with its placement, for a rank in a step.
package struct LayerCost: Equatable, Sendable {
  /// The learned numbers that a rank holds.
  package var parameters = 0
  /// Seconds of the passes.
  package var passes = PassSeconds()
  /// Seconds of the exchange of its gradients, and bytes that a rank sends for it to other hosts.
  package var exchange = 0.0
  package var exchangeBytes = 0.0
  /// Whether that overlaps with the backward pass.
  package var overlaps = false
  /// The part of the gradients that is exchanged at once.
  package var piece = 1.0
  /// Seconds until its new weights are there, if the next forward pass waits for them, and the bytes of that.
  package var gather = 0.0
  package var gatherBytes = 0.0
  /// Seconds of the update.
  package var update = 0.0
  /// Bytes of memory: weights, gradients, the optimizer's state, activations.
  package var memory = 0.0
  /// Whether the gradient of its input is on its way while those of its parameters are computed.
  package var sendsEarly = false
  /// The exchanges in front of it: of activations, and of their gradients.
  package var forwardConversion = ConversionCost()
  package var backwardConversion = ConversionCost()

  /// An exchange that changes a layout.
  package struct ConversionCost: Equatable, Sendable {
    package var seconds = 0.0
    /// Bytes that a rank sends to other hosts.
    package var bytes = 0.0
    /// Whether it uses the link between hosts.
    package var usesLink = false
    /// Bytes of memory.
    var memory = 0.0
  }

  /// Seconds of computing, the update left out.
  package var compute: Double {
    passes.forward + passes.parameterGradients + passes.inputGradient
  }
  /// Seconds of all exchanges.
  package var exchanges: Double {
    exchange + gather + forwardConversion.seconds + backwardConversion.seconds
  }
  /// Bytes that a rank sends to other hosts.
  package var bytes: Double {
    exchangeBytes + gatherBytes + forwardConversion.bytes + backwardConversion.bytes
  }
}

extension StepClock {
  /// Adds a layer in front of those that there are.
  ///
  /// - Parameters:
  ///   - cost: The layer's.
  ///   - overlap: The cost of overlap.
  mutating func add(_ cost: LayerCost, _ overlap: MachineProfile.Overlap) {
    forward(cost.passes.forward, gather: cost.gather, overlap)
    wait(cost.forwardConversion.seconds, sharesLink: false)
    let back = cost.backwardConversion
    let hides = cost.sendsEarly && back.usesLink
    if hides {
      compute(cost.passes.inputGradient, overlap)
      // What the products of the weight hide.
      var together = StepClock(pending: back.seconds)
      together.compute(cost.passes.parameterGradients, overlap)
      let hidden = back.seconds - together.pending
      learn(cost, overlap)
      seconds += together.seconds - cost.passes.parameterGradients
      wait(back.seconds - hidden, sharesLink: true)
    } else {
      learn(cost, overlap)
      compute(cost.passes.inputGradient, overlap)
      wait(back.seconds, sharesLink: back.usesLink)
    }
    seconds += cost.update
    memory += cost.memory
  }

  private mutating func learn(_ cost: LayerCost, _ overlap: MachineProfile.Overlap) {
    if cost.overlaps {
      learn(cost.passes.parameterGradients, exchange: cost.exchange, piece: cost.piece, overlap)
    } else {
      compute(cost.passes.parameterGradients, overlap)
      seconds += cost.exchange
    }
  }
}
