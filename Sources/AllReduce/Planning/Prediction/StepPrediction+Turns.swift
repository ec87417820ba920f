extension StepPrediction {
  /// Predicts the layers after a conversion that runs in turns: in each turn, a part of the examples is gathered and
  /// computed, and its gradients are scattered.
  static func inTurns(
    _ elements: [StepElement], _ found: inout [Layer], _ cut: Int, _ firstLearning: Int,
    _ costs: inout StepCosts
  ) -> StepClock {
    let turns = costs.setting.grid.model
    var turn = costs.ofTurn()
    guard let first = elements[cut].layer else { return StepClock() }
    // In turns, the layers after the conversion compute fewer examples at once.
    var (clock, last) = (StepClock(), StepClock())
    for index in (cut..<elements.count).reversed() {
      guard let placed = elements[index].layer else {
        let cost = turn.conversionOnly(elements[index].boundary, elements[index].shape)
        found[index] = Layer(
          title: elements[index].title, placement: nil, cost: cost.inAllTurns(turns))
        clock.add(cost, costs.overlap)
        last.add(cost, costs.overlap)
        continue
      }
      var cost = turn.cost(
        of: placed, placement: elements[index].placement, needsInputGradient: index > firstLearning)
      if index == cut {
        (cost.forwardConversion, cost.backwardConversion) = (
          LayerCost.ConversionCost(), LayerCost.ConversionCost()
        )
      }
      last.add(cost, costs.overlap)
      var alone = cost
      (alone.exchange, alone.gather, alone.update) = (0, 0, 0)
      clock.add(alone, costs.overlap)
      found[index] = Layer(
        title: elements[index].title, placement: elements[index].placement,
        cost: cost.inAllTurns(turns))
    }
    let isBroadcast = first.run?.order == .broadcastInTurn
    var gather = costs.conversion(.gatherExamples, of: first.input, turns: turns)
    var scatter = costs.conversion(.scatterExamples, of: first.input, turns: turns)
    if isBroadcast {
      // One rank's link carries what all ranks' links carry otherwise.
      gather.seconds *= Double(turns - 1)
      scatter.seconds *= Double(turns - 1)
    }
    // Messages of this size only progress while ranks wait for them: for the cnn network over links of 1 Gbit/s,
    // nothing was hidden.
    var step = StepClock()
    step.seconds =
      Double(turns - 1) * clock.seconds + last.seconds
      + Double(turns) * (gather.seconds + scatter.seconds)
    step.pending = last.pending
    step.gathering = last.gathering
    step.memory = last.memory + gather.memory * 3
    var cost = found[cut].cost
    cost.forwardConversion = gather.inAllTurns(turns)
    cost.backwardConversion = scatter.inAllTurns(turns)
    found[cut] = Layer(title: found[cut].title, placement: found[cut].placement, cost: cost)
    return step
  }
}

extension LayerCost {
  /// Returns the cost of all turns together, given that of one: passes and exchanges of activations are multiplied.
  fileprivate func inAllTurns(_ turns: Int) -> LayerCost {
    var cost = self
    cost.passes.forward *= Double(turns)
    cost.passes.parameterGradients *= Double(turns)
    cost.passes.inputGradient *= Double(turns)
    cost.statistics.forward *= Double(turns)
    cost.statistics.backward *= Double(turns)
    cost.forwardConversion = forwardConversion.inAllTurns(turns)
    cost.backwardConversion = backwardConversion.inAllTurns(turns)
    return cost
  }
}

extension LayerCost.ConversionCost {
  fileprivate func inAllTurns(_ turns: Int) -> LayerCost.ConversionCost {
    var cost = self
    cost.seconds *= Double(turns)
    cost.bytes *= Double(turns)
    return cost
  }
}

extension StepCosts {
  /// Returns the costs for the examples of one turn, instead of those of the whole model group.
  func ofTurn() -> StepCosts {
    var turn = setting
    turn.groupRows = setting.rows
    return StepCosts(turn)
  }

  func conversionOnly(_ boundary: Boundary, _ shape: Shape) -> LayerCost {
    var cost = LayerCost()
    cost.forwardConversion = conversion(boundary.forward, of: shape)
    cost.backwardConversion = conversion(boundary.backward, of: shape)
    return cost
  }
}
