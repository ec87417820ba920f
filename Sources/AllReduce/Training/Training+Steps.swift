internal import AllReduceMPI
internal import AllReduceNN

/// The steps of a run, and the evaluations and checkpoints between them.
extension Training {
  func runEpoch(_ epoch: Int, _ state: inout TrainingState, _ run: inout Run) throws {
    let last = run.course.stepsPerEpoch
    var total = state.epochScore
    for step in min(state.stepsOfEpoch, last)..<last {
      total += try run.records.span("step", steps + 1) { try takeStep(step, epoch, run) }
      if let every = evaluatesEverySteps, steps % every == 0, step + 1 < last {
        try evaluate(epoch, run)
      }
      let course = run.course
      run.progress.update(clock.now, share: Double(steps) / Double(course.steps)) { passed in
        "epoch \(epoch + 1) of \(course.epochs), step \(step + 1) of \(last): loss "
          + "\(Progress.text(total.meanLoss)), \(Int(times.examplesPerSecond ?? 0)) examples/s, "
          + Progress.left(passed, done: steps - firstStep, of: course.steps - firstStep)
      }
      (state.stepsOfEpoch, state.epochScore) = (step + 1, total)
      show(total, run)
      if step + 1 < last {
        try keepIfDue(state, run, endsEpoch: false, endsRun: false)
        if trainer.stepRequest.stops { return try stop(run) }
      }
    }
    try requireFinite(epoch, last - 1, over: trainer.world)
    // Replicas synchronize at the end of the run, even if their last round is shorter than the others.
    if epoch + 1 == run.course.epochs { try trainer.meet() }
    trainLoss.append(try trainer.total(total).meanLoss)
    checksum = try trainer.checksum()
    let test = try evaluate(epoch, run)
    testAccuracy.append(test.accuracy)
    testLoss.append(test.meanLoss)
    (state.epoch, state.stepsOfEpoch, state.epochScore) = (epoch + 1, 0, BatchScore())
    let ends = epoch + 1 == run.course.epochs || endsEarly
    try keepIfDue(state, run, endsEpoch: true, endsRun: ends)
    if trainer.stepRequest.stops, !ends { try stop(run) }
  }

  /// Ends the run, whose checkpoint has been written.
  private func stop(_ run: Run) throws {
    isStopped = true
    checksum = try trainer.checksum()
    progress?(
      "Stops after step \(steps), as it was asked to: its state is in \(checkpoints?.folder ?? ""); resume it to "
        + "continue."
    )
  }

  /// Shows the progress of the run, and writes its ledger at most every two seconds; on the root.
  private func show(_ total: BatchScore, _ run: Run) {
    guard trainer.world.isRoot, let ledger = run.records.ledger else { return }
    run.records.look(of: Scalar.self)
    ledger.keepNowAndThen(clock.now)
    WorkProgress(
      done: steps, of: run.course.steps, "loss", total.meanLoss, rate: times.examplesPerSecond ?? 0,
      ledger.seconds
    ).show()
  }

  private func takeStep(_ step: Int, _ epoch: Int, _ run: Run) throws -> BatchScore {
    let begin = clock.now
    let ledger = run.records.ledger
    ledger?.beginStep(waited: trainer.exchangeTimes.waitSeconds)
    let rate = schedule.rate(afterSteps: steps)
    let computed = trainer.computeSeconds + trainer.updateSeconds
    let interval = trainer.exchangeEvery
    trainer.ownRequest = run.stepRequests?.now(begin) ?? .none
    if requestOfOthers.stops { trainer.ownRequest = .stop }
    let (skipped, batches) = (trainer.skippedSteps, run.course.batches(ofStep: step))
    let parts = batches.count * run.input.count
    func part(_ number: Int) -> Trainer<Scalar>.Part {
      let batch = run.records.span("input") {
        run.input[number % run.input.count].batch(
          epoch: epoch, step: batches.lowerBound + number / run.input.count)
      }
      return (batch.inputs, batch.targets, batch.examples)
    }
    if let every = replaysEvery, (steps + 1) % every == 0 {
      try run.records.span("replay") { try trainer.replay(parts: parts, part) }
    }
    var score = try trainer.step(parts: parts, learningRate: rate, part)
    if trainer.skippedSteps == skipped {
      skippedInARow = 0
    } else {
      // All ranks of the replica are here, since they have the same total loss.
      try requireFinite(epoch, step, over: trainer.grid.world)
      skippedInARow += 1
      guard skipsNonFinite, skippedInARow < 100 else {
        return try trainer.grid.world.agreeing {
          throw TrainingError.diverged(epoch: epoch + 1, step: step + 1, learningRate: rate)
        }
      }
      progress?(
        "warning: The loss of step \(steps + 1) is not a finite number: this step's update is skipped."
      )
      // A skipped step counts as an update too, so that a resumed run counts in the same way.
      trainer.updates += 1
      score = BatchScore()
    }
    steps += 1
    if let recorder = trainer.recorder {
      recorder.count(recorder.name("loss"), score.meanLoss)
      recorder.count(recorder.name("bytes sent"), Double(trainer.tally.traffic.networkBytesSent))
    }
    if let every = checksCopiesEvery, steps % every == 0 { try trainer.checkCopies() }
    if let asked = try afterStep?(), asked != .none { requestOfOthers = asked }
    straggler?.sleep(
      rank: trainer.world.rank,
      afterSeconds: trainer.computeSeconds + trainer.updateSeconds - computed)
    if interval == nil, let every = trainer.exchangeEvery {
      progress?("Replicas meet every \(every) steps, as measured.")
    }
    let end = clock.now
    ledger?.addStep(waited: trainer.exchangeTimes.waitSeconds)
    compareWithPrediction((end - begin) / .seconds(1))
    times.add(
      seconds: (end - begin) / .seconds(1), examples: run.course.sampler.batchSize(step: step))
    run.log.add(
      step: steps, epoch: epoch + 1, seconds: (end - run.start) / .seconds(1),
      loss: score.examples == 0 && skippedInARow > 0 ? nil : score.meanLoss)
    return score
  }

  /// Adds the time of a step and, after ``PredictionCheck/steps`` steps, reports how well it was predicted.
  private func compareWithPrediction(_ seconds: Double) {
    guard let prediction else { return }
    let done = steps - firstStep
    if done == PredictionCheck.firstSteps {
      comparesFrom = (done, 0, trainer.computeSeconds, trainer.updateSeconds)
    } else if let from = comparesFrom {
      comparesFrom?.seconds += seconds
      guard done == PredictionCheck.steps else { return }
      let count = Double(done - from.steps)
      let measured = PredictionCheck.Parts(
        step: (from.seconds + seconds) / count,
        compute: (trainer.computeSeconds - from.compute) / count,
        update: (trainer.updateSeconds - from.update) / count)
      progress?(PredictionCheck(predicted: prediction, measured: measured).words)
    }
  }

  /// Throws if an update gave weights that are NaN or infinite. Collective.
  ///
  /// Updates note such weights at no cost. They are looked for here after a step that was skipped (its loss or, with
  /// clipping, its gradient was not finite), at the end of an epoch, and before a checkpoint.
  ///
  /// - Parameters:
  ///   - epoch: The epoch of the latest step, from 0.
  ///   - step: The latest step of the epoch, from 0.
  ///   - world: All ranks that train together.
  /// - Throws: ``AgreedError`` with a ``TrainingError`` that names the parameter and the rank.
  private func requireFinite(_ epoch: Int, _ step: Int, over world: Communicator) throws {
    try world.agreeing {
      guard let parameter = trainer.notFinite else { return }
      throw TrainingError.diverged(
        epoch: epoch + 1, step: step + 1,
        learningRate: schedule.rate(afterSteps: max(steps - 1, 0)),
        parameter: parameter, rank: trainer.world.rank)
    }
  }

  @discardableResult
  private func evaluate(_ epoch: Int, _ run: Run) throws -> BatchScore {
    let share = trainer.share.count
    run.records.ledger?.beginStep()
    defer { run.records.ledger?.addStep() }
    let score = try run.records.span("evaluation") {
      try trainer.score(
        on: data.test,
        batchSize: trainer.row == nil ? nil : (globalBatchSize + share - 1) / share)
    }
    run.log.add(
      step: steps, epoch: epoch + 1, seconds: (clock.now - run.start) / .seconds(1), loss: nil,
      test: score)
    return score
  }

  /// Whether ``earlyStopping`` ends the run after the epochs so far.
  var endsEarly: Bool {
    earlyStopping?.ends(after: data.goodness(testAccuracy, losses: testLoss)) == true
  }

  private func keepIfDue(
    _ state: TrainingState, _ run: Run, endsEpoch: Bool, endsRun: Bool
  ) throws {
    var use: StateUse = []
    if trainer.stepRequest.saves
      || run.records.isDue(afterSteps: steps, endsEpoch: endsEpoch, endsRun: endsRun)
    {
      use.insert(.newest)
    }
    if endsEpoch, run.records.keepsBest, data.isBest(after: testAccuracy, losses: testLoss) {
      use.insert(.best)
    }
    if use.isEmpty { return }
    if !endsEpoch {
      try requireFinite(state.epoch, state.stepsOfEpoch - 1, over: trainer.world)
      // All ranks of a run that resumes from this state would have rank 0's weights, damaged or not.
      if checksCopiesEvery != nil { try trainer.checkCopies() }
    }
    var state = state
    (state.steps, state.randomStep) = (steps, trainer.nextStep)
    (state.trainLoss, state.testAccuracy, state.testLoss) = (trainLoss, testAccuracy, testLoss)
    // A resumed run keeps the log's lines of all steps up to the checkpoint.
    run.log.flush()
    try trainer.finish()
    state.replicas = try trainer.keepReplicas(epochScore: state.epochScore)
    state.epochScore = try trainer.total(state.epochScore)
    try run.records.write(
      trainer.state, state, as: use, over: trainer.world,
      isLast: endsRun || trainer.stepRequest.stops)
    if use.contains(.newest) { run.stepRequests?.didSave() }
  }
}
