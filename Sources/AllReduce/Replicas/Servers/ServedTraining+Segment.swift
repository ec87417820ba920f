internal import AllReduceMPI
internal import AllReduceNN

extension ServedTraining {
  /// Runs a range of steps of an epoch on all ranks. Afterwards all ranks have the servers' weights. Collective.
  ///
  /// - Returns: The score of all workers' batches.
  /// - SeeAlso: ``endOfSegment(_:)``, because the segment may end before its last step.
  func runSegment(
    _ range: Range<Int>, epoch: Int, of course: TrainingCourse, isSolo: Bool,
    _ note: (ServedBatch, BatchScore) throws -> Void
  ) throws -> BatchScore {
    let workers = roles.workers.count
    var score = BatchScore()
    let batches = range.lowerBound * workers..<range.upperBound * workers
    if let server {
      try server.serve(
        batches,
        handout: isSolo ? .solo : settings.staleness.bound == nil ? .onDemand : .inTurn,
        bound: settings.staleness.bound)
    } else {
      let first = epoch * course.stepsPerEpoch
      var last = clock.now
      func noteStep(_ number: Int, _ own: BatchScore) throws {
        let now = clock.now
        times.add(seconds: (now - last) / .seconds(1), examples: own.examples)
        last = now
        ownSteps += 1
        score += own
        try note(ServedBatch(step: number / workers, part: number % workers), own)
      }
      try downpour?.work(rate: { self.schedule.rate(afterSteps: first + $0 / workers) }) { number in
        let batch = self.batch(number, epoch, course)
        guard batch.count > 0 else {
          try noteStep(number, BatchScore())
          return (0, 0)
        }
        trainer.nextStep = UInt64(first + number / workers)
        let own = try slowed {
          try trainer.computeGradient { _ in (batch.inputs, batch.targets, batch.examples) }
        }
        try requireFinite(own, epoch, number / workers)
        try noteStep(number, own)
        // With a bound, the batches of all workers at one clock make one step; without, each batch is a step.
        let isPart = settings.staleness.bound != nil && !isSolo
        return (
          1 / Double(own.examples),
          isPart ? Double(own.examples) / Double(batch.globalCount) : 1
        )
      }
      try elastic?.work(batches) { number in
        let batch = self.batch(number, epoch, course)
        guard batch.count > 0 else { return try noteStep(number, BatchScore()) }
        trainer.nextStep = UInt64(first + number / workers)
        let rate = schedule.rate(afterSteps: first + number / workers)
        let own = try slowed { try trainer.step(batch, learningRate: rate) }
        try requireFinite(own, epoch, number / workers)
        try noteStep(number, own)
      }
      waitSeconds = client?.waitSeconds ?? 0
    }
    try gatherWeights()
    return try world.sum(score)
  }

  /// Returns the step at which the latest segment ended, and the combined request of the ranks to save or stop.
  /// Collective.
  ///
  /// - Parameter segment: The steps of the segment if no rank had a request.
  /// - Returns: The step after the segment's last one, and the request, the same on all ranks.
  /// - Throws: ``MPIError``.
  func endOfSegment(_ segment: Range<Int>) throws -> (step: Int, stepRequest: StepRequest) {
    let workers = roles.workers.count
    if let center = elastic?.center as? SharedCenter<Scalar> {
      return (
        center.stepRequest.saves ? center.end / workers : segment.upperBound, center.stepRequest
      )
    }
    var words = [
      server?.end ?? 0, server?.stepRequest.sum ?? 0,
    ]
    try words.withUnsafeMutableBytes {
      // The first server hands out the batches.
      try world.broadcastNatively($0, from: roles.servers.lowerBound)
    }
    return (words[0] / workers, StepRequest(sum: words[1]))
  }

  private func batch(_ number: Int, _ epoch: Int, _ course: TrainingCourse) -> Batch<Scalar> {
    let workers = roles.workers.count
    let step = number / workers
    return slot.make(
      data.training,
      course.sampler.examples(epoch: epoch, step: step, rank: number % workers, of: workers),
      globalCount: course.sampler.batchSize(step: step))
  }

  private func slowed(_ compute: () throws -> BatchScore) throws -> BatchScore {
    let from = clock.now
    let score = try compute()
    straggler?.sleep(rank: world.rank, afterSeconds: (clock.now - from) / .seconds(1))
    busySeconds += (clock.now - from) / .seconds(1)
    ownExamples += score.examples
    return score
  }

  private func requireFinite(_ score: BatchScore, _ epoch: Int, _ step: Int) throws {
    guard !score.loss.isFinite else { return }
    throw TrainingError.diverged(
      epoch: epoch + 1, step: step + 1,
      learningRate: schedule.rate(afterSteps: steps))
  }

  /// Broadcasts the servers' weights, and the network's buffers from rank 0, to all ranks. Collective.
  private func gatherWeights() throws {
    let network = trainer.network
    for (shard, range) in roles.shards.enumerated() {
      try world.broadcastNatively(
        UnsafeMutableRawBufferPointer(
          UnsafeMutableBufferPointer(rebasing: network.values[range])),
        from: roles.servers.lowerBound + shard)
    }
    for buffer in network.root.allBuffers {
      try world.broadcastNatively(UnsafeMutableRawBufferPointer(buffer.tensor.values), from: 0)
    }
  }
}
