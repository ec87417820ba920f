internal import AllReduceMPI
internal import AllReduceNN

extension ServedTraining {
  /// Runs all epochs, or the remaining ones if the run resumes from a checkpoint. Collective.
  ///
  /// - Parameter epochs: The number of passes over the training data, those of earlier runs included.
  /// - Throws: ``AgreedError`` of a `TrainingError`, or of files that cannot be read or written; ``MPIError``.
  public func run(epochs: Int) throws {
    let records = try TrainingRecords(checkpoints, trace: trace, over: world) { [self] in
      warn($0)
    }
    let course = try world.agreeing { try self.course(epochs, records.resumed) }
    globalBatchSize = course.globalBatchSize
    var state =
      records.resumed
      ?? TrainingState(sampler: course.sampler, optimizer: method, schedule: schedule)
    trainer.recorder = records.recorder
    let notes = try records.restore(stateTensors, layers: trainer.layers)
    records.prepareCopy(of: stateTensors, epochs: epochs - state.epoch)
    if records.resumed != nil { resume(state, notes) }
    (state.layers, state.layerWords) = (trainer.layers, layerWords ?? state.layerWords)
    state.examples = data.keptFormat ?? state.examples
    let log = try world.agreeing {
      try MetricsLog(
        path: self.log, tensorBoard: tensorBoard, isRoot: world.isRoot, keepingSteps: firstStep
      ) { [self] in warn($0) }
    }
    let start = clock.now
    var lines = Progress(world.isRoot ? writers : nil, since: start)
    let first = server?.shard.version ?? 0
    let stepRequests = checkpoints.map {
      RunRequests(
        folder: world.isRoot ? $0.folder : nil, isDue: records.isWorthSaving,
        isWriting: { records.isWriting(of: Scalar.self) })
    }
    listen(to: stepRequests)
    defer { listen(to: nil) }
    isStopped = false
    for epoch in state.epoch..<max(epochs, state.epoch) {
      while state.stepsOfEpoch < course.stepsPerEpoch {
        let segment = nextSegment(from: state.stepsOfEpoch, epoch, course)
        let before = epoch * course.stepsPerEpoch
        records.ledger?.beginStep(waited: waitSeconds)
        state.epochScore += try records.span("segment", before + segment.lowerBound) {
          try tally.counting {
            try runSegment(
              segment, epoch: epoch, of: course,
              isSolo: before + segment.lowerBound < settings.warmUpSteps
            ) { batch, score in
              note(batch, score, epoch, course, log, &lines, since: start)
              show(batch, score, epoch, course, records)
            }
          }
        }
        let (end, stepRequest) = try endOfSegment(segment)
        records.ledger?.addStep(waited: waitSeconds)
        state.stepsOfEpoch = end
        steps = before + end
        let endsEpoch = end == course.stepsPerEpoch
        if endsEpoch || evaluatesEverySteps.map({ steps % $0 == 0 }) == true {
          records.ledger?.beginStep(waited: waitSeconds)
          let score = try records.span("evaluation") { try self.score(on: data.test) }
          records.ledger?.addStep(waited: waitSeconds)
          log.add(
            step: steps, epoch: epoch + 1, seconds: (clock.now - start) / .seconds(1), loss: nil,
            test: score)
          if endsEpoch {
            testAccuracy.append(score.accuracy)
            testLoss.append(score.meanLoss)
          }
        }
        if endsEpoch {
          trainLoss.append(state.epochScore.meanLoss)
          (state.epoch, state.stepsOfEpoch, state.epochScore) = (epoch + 1, 0, BatchScore())
        }
        let endsRun = endsEpoch && state.epoch == course.epochs
        var use: StateUse = []
        if stepRequest.saves
          || records.isDue(afterSteps: steps, endsEpoch: endsEpoch, endsRun: endsRun)
        {
          use.insert(.newest)
        }
        if endsEpoch, records.keepsBest, data.isBest(after: testAccuracy, losses: testLoss) {
          use.insert(.best)
        }
        if !use.isEmpty {
          try keep(state, as: use, records, log, isLast: endsRun || stepRequest.stops)
        }
        if use.contains(.newest) { stepRequests?.didSave() }
        isStopped = stepRequest.stops && !endsRun
        if endsEpoch || isStopped { break }
      }
      if isStopped { break }
    }
    if isStopped {
      progress?(
        "Stops after step \(steps), as it was asked to: its state is in \(checkpoints?.folder ?? ""); resume it to "
          + "continue.")
    }
    try records.finish(of: Scalar.self, over: world)
    secondsSpent = records.ledger?.seconds ?? secondsSpent
    WorkProgress.hide()
    try gatherResults(versionBefore: first)
    log.finish()
    let leftOut = try records.finishTrace()
    if leftOut > 0 { progress?("The trace is full: \(leftOut) later spans are not in it.") }
  }

  private func warn(_ words: String) { TrainingRecords.tell(words, progress) }

  private func course(_ epochs: Int, _ resumed: TrainingState?) throws -> TrainingCourse {
    let kept = asksForBatch ? nil : resumed?.sampler.globalBatchSize
    let course = try TrainingCourse(
      data.training, globalBatchSize: kept ?? globalBatchSize, "A step of all workers takes",
      parts: 1,
      most: stepsPerEpoch, epochs: epochs, seed: seed)
    if let resumed {
      try course.check(resumed, data.training, method: method)
      try TrainingState.requireEqual(data.keptFormat, resumed.examples, data.training.name)
      try checkResumed?(resumed)
    }
    if let straggler, !roles.workers.contains(straggler.rank) {
      throw TrainingError.settings(
        "Rank \(straggler.rank) cannot be made slower: the workers are ranks \(roles.workers.lowerBound) to "
          + "\(roles.workers.upperBound - 1).")
    }
    return course
  }

  private func resume(_ state: TrainingState, _ notes: [String]) {
    for note in notes { progress?(note) }
    schedule = state.schedule
    (steps, firstStep) = (state.steps, state.steps)
    (trainLoss, testAccuracy, testLoss) = (state.trainLoss, state.testAccuracy, state.testLoss)
    server?.shard.resume(version: Int(state.randomStep))
    (elastic?.center as? SharedCenter<Scalar>)?.recall(trainer.network)
    progress?("Resumes after step \(steps), with \(state.randomStep) updates of the servers.")
  }

  /// Returns the steps until all ranks next need the weights: for an evaluation, for a checkpoint, or at the end of the
  /// warm-up or the epoch.
  private func nextSegment(from step: Int, _ epoch: Int, _ course: TrainingCourse) -> Range<Int> {
    let before = epoch * course.stepsPerEpoch
    var end = course.stepsPerEpoch
    for every in [evaluatesEverySteps, checkpoints?.everySteps] {
      guard let every else { continue }
      end = min(end, ((before + step) / every + 1) * every - before)
    }
    if before + step < settings.warmUpSteps { end = min(end, settings.warmUpSteps - before) }
    return step..<end
  }

  private func note(
    _ batch: ServedBatch, _ score: BatchScore, _ epoch: Int, _ course: TrainingCourse,
    _ log: MetricsLog, _ lines: inout Progress, since start: ContinuousClock.Instant
  ) {
    guard world.isRoot, score.examples > 0 else { return }
    let done = epoch * course.stepsPerEpoch + batch.step + 1
    log.add(
      step: done, epoch: epoch + 1, seconds: (clock.now - start) / .seconds(1),
      loss: score.meanLoss)
    lines.update(clock.now, share: Double(done) / Double(course.steps)) { passed in
      "epoch \(epoch + 1) of \(course.epochs), step \(batch.step + 1) of \(course.stepsPerEpoch): loss of "
        + "worker 0 \(Progress.text(score.meanLoss)), \(Int(times.examplesPerSecond ?? 0)) of its examples/s, "
        + Progress.left(passed, done: done - firstStep, of: course.steps - firstStep)
    }
  }

  /// Shows the progress of the run.
  private func show(
    _ batch: ServedBatch, _ score: BatchScore, _ epoch: Int, _ course: TrainingCourse,
    _ records: TrainingRecords
  ) {
    guard let ledger = records.ledger, score.examples > 0 else { return }
    records.look(of: Scalar.self)
    ledger.addStep(waited: waitSeconds)
    ledger.keepNowAndThen(clock.now)
    WorkProgress(
      done: epoch * course.stepsPerEpoch + batch.step + 1, of: course.steps, "loss of worker 0",
      score.meanLoss, rate: times.examplesPerSecond ?? 0, ledger.seconds
    ).show()
  }

  /// Evaluates the weights as they were at the end of the latest segment (the steps between two evaluations or
  /// checkpoints); every rank evaluates a share of the examples. Collective.
  ///
  /// - Throws: ``MPIError``.
  public func score(on data: any Dataset) throws -> BatchScore {
    let own = BlockPartition(count: data.count, parts: world.size)[world.rank]
    var score = BatchScore()
    for start in stride(from: own.lowerBound, to: own.upperBound, by: 256) {
      let batch = slot.make(
        data, Array(start..<min(start + 256, own.upperBound)), globalCount: data.count)
      score += try trainer.score(batch.inputs, batch.targets)
    }
    return try world.sum(score)
  }

  // MARK: State

  /// The tensors of a checkpoint: the weights, and the state of the servers' optimizers and staleness rules.
  private var stateTensors: [StateTensor<Scalar>] {
    let layout = trainer.network.layout
    let (own, range) = (server?.shard.state, server?.shard.range ?? 0..<0)
    let nothing = UnsafeMutableBufferPointer<Scalar>(start: nil, count: 0)
    let vectors = own ?? stateNames.map { (name: $0, values: nothing) }
    return trainer.network.stateTensors
      + vectors.flatMap {
        layout.stateTensors(of: $0.values, range, prefix: "optimizer/\($0.name)/", owner: self)
      }
  }

  /// The names of the state vectors of the servers' optimizers and staleness rules.
  private var stateNames: [String] {
    settings.update(rule).stateNames
      + settings.rule(rule, count: 0, as: Scalar.self).state.map(\.name)
  }

  /// Sets the source of this rank's requests to save or stop, which are sent with other messages; nil for no requests.
  private func listen(to stepRequests: RunRequests?) {
    let own: () -> StepRequest = { stepRequests?.now(.now) ?? .none }
    server?.ownRequest = own
    client?.ownRequest = own
    (elastic?.center as? SharedCenter<Scalar>)?.ownRequest = own
  }

  private func keep(
    _ state: TrainingState, as use: StateUse, _ records: TrainingRecords, _ log: MetricsLog,
    isLast: Bool
  ) throws {
    var state = state
    (state.steps, state.trainLoss, state.testAccuracy) = (steps, trainLoss, testAccuracy)
    state.testLoss = testLoss
    state.randomStep = UInt64(try versions().max() ?? 0)
    log.flush()
    try records.write(stateTensors, state, as: use, over: world, isLast: isLast)
  }

  // MARK: Results

  /// Returns the version of each server's shard. Collective.
  private func versions() throws -> [Int] {
    let all = try world.allGatherNatively(server?.shard.version ?? 0)
    return Array(all[roles.servers])
  }

  /// Gathers the counts and times of all ranks into this run's results, on every rank. Collective.
  private func gatherResults(versionBefore first: Int) throws {
    let versions = try versions()
    try world.agreeing {
      guard Set(versions).count <= 1 else {
        throw MPIError(
          operation: "parameter servers",
          message: "the servers' shards have had \(versions) updates, which should be equally many")
      }
    }
    updatesApplied = (versions.first ?? 0) - (try world.allGatherNatively(first).max() ?? 0)
    workerSteps = Array(try world.allGatherNatively(ownSteps)[roles.workers])
    staleness = try world.sum(client?.staleness ?? StalenessHistogram())
    versionSkews = try world.sum(
      downpour?.skews ?? (elastic?.center as? ServedCenter<Scalar>)?.skews ?? StalenessHistogram())
    let speed = [
      times.examplesPerSecond ?? 0, busySeconds > 0 ? Double(ownExamples) / busySeconds : 0,
    ]
    var sums = speed
    try world.allReduce(&sums, .sum)
    (examplesPerSecond, computedPerSecond) = (
      sums[0] > 0 ? sums[0] : nil, sums[1] > 0 ? sums[1] : nil
    )
    checksum = Checksum.of(trainer.network)
    try world.requireEqual(checksum: checksum, "weights")
  }
}

extension Communicator {
  /// Returns the sum of all ranks' histograms. Collective.
  func sum(_ own: StalenessHistogram) throws -> StalenessHistogram {
    let highest = try allGatherNatively(own.maximum ?? 0).max() ?? 0
    var counts = [Int64](repeating: 0, count: highest + 1)
    for (value, count) in own.list { counts[value] += Int64(count) }
    try allReduce(&counts, .sum)
    var sum = StalenessHistogram()
    for (value, count) in counts.enumerated() where count > 0 { sum.add(value, count: Int(count)) }
    return sum
  }
}
