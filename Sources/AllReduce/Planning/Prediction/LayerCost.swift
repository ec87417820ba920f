/// The cost of a layer with its placement, for one rank and one step.
package struct LayerCost: Sendable {
  /// The number of learned parameters that a rank holds.
  package var parameters = 0
  /// The seconds of the forward and backward passes.
  package var passes = PassSeconds()
  /// The seconds of exchanging the layer's gradients.
  package var exchange = 0.0
  /// The number of bytes that a rank sends to other hosts when it exchanges the layer's gradients.
  package var exchangeBytes = 0.0
  /// Whether the exchange of the layer's gradients overlaps with the backward pass.
  package var overlaps = false
  /// The fraction of the layer's gradients that is exchanged at once.
  package var piece = 1.0
  /// The seconds until the layer's new weights have been gathered, if the next forward pass waits for them.
  package var gather = 0.0
  /// The number of bytes that a rank sends to other hosts when new weights are gathered.
  package var gatherBytes = 0.0
  /// The seconds of the update.
  package var update = 0.0
  /// The seconds in the forward and in the backward pass in which ranks sum statistics of the batch.
  package var statistics = (forward: 0.0, backward: 0.0)
  /// The number of bytes of memory: weights, gradients, the optimizer's state, activations.
  package var memory = 0.0
  /// The number of bytes of ``memory`` that grow with the batch.
  package var activationBytes = 0.0
  /// Whether the gradient of the layer's input is sent while the gradients of its parameters are computed.
  package var sendsEarly = false
  /// The exchange before the layer in the forward pass, of activations.
  package var forwardConversion = ConversionCost()
  /// The exchange after the layer in the backward pass, of the gradient of the layer's input.
  package var backwardConversion = ConversionCost()

  /// The cost of an exchange that changes a layout.
  package struct ConversionCost: Equatable, Sendable {
    package var seconds = 0.0
    /// The number of bytes that a rank sends to other hosts.
    package var bytes = 0.0
    /// Whether the exchange uses the link between hosts.
    package var usesLink = false
    /// The number of bytes of memory that the exchange needs.
    var memory = 0.0
  }

  /// The seconds of computation, without the update.
  package var compute: Double {
    passes.forward + passes.parameterGradients + passes.inputGradient
  }
  /// The seconds of all exchanges.
  package var exchanges: Double {
    exchange + gather + forwardConversion.seconds + backwardConversion.seconds
      + statistics.forward + statistics.backward
  }
  /// The number of bytes that a rank sends to other hosts.
  package var bytes: Double {
    exchangeBytes + gatherBytes + forwardConversion.bytes + backwardConversion.bytes
  }
}

extension StepClock {
  /// Adds a layer before those that were already added.
  ///
  /// - Parameters:
  ///   - cost: The cost of the layer.
  ///   - overlap: How much computation and the link slow each other down.
  mutating func add(_ cost: LayerCost, _ overlap: MachineProfile.Overlap) {
    forward(cost.passes.forward, gather: cost.gather, overlap)
    wait(cost.forwardConversion.seconds + cost.statistics.forward, sharesLink: false)
    wait(cost.statistics.backward, sharesLink: true)
    let back = cost.backwardConversion
    let hides = cost.sendsEarly && back.usesLink
    if hides {
      compute(cost.passes.inputGradient, overlap)
      // The part of the exchange that computing the weight's gradient hides.
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
