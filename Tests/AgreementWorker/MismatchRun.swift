import AllReduce

/// What became of a call on this rank.
enum Outcome {
  case returned
  case threw(String)
}

extension MismatchCell {
  /// Makes this rank's calls on a fresh communicator, judges what became of them, and reports.
  ///
  /// Every rank of `world` must call it.
  func run(on world: Communicator, _ arenas: CellArenas?) throws {
    let communicator = try world.duplicate()
    let calls = calls(of: world.rank, size: world.size)
    let memories = calls.map { $0.makeMemory(arenas, rank: world.rank) }
    var outcomes: [Outcome] = []
    try world.barrier()
    let seconds = seconds {
      outcomes = make(calls, memories, on: communicator, arenas)
    }

    var faults: [String] = []
    var marks: [String] = []
    for index in calls.indices {
      let (mark, fault) = judge(
        index, outcomes[index], memories[index], rank: world.rank, size: world.size)
      marks.append(mark)
      if let fault { faults.append(fault) }
    }
    if seconds > 2 { faults.append("slow") }
    faults += follow(
      on: communicator, mayThrowOnce: marks.contains("n") || !mismatch.isAllReduce,
      mustThrowOnce: marks.contains("n"))
    // What is drained late must not be written either.
    try world.barrier()
    if !memories.allSatisfy({ $0.isIntact }) { faults.append("bytes outside the buffer changed") }
    let texts = outcomes.compactMap { if case .threw(let text) = $0 { text } else { nil } }
    Report.verdict(
      name, rank: world.rank, mark: Set(marks).sorted().joined(), faults: faults, seconds: seconds,
      text: texts.joined(separator: " | "))
  }

  private func make(
    _ calls: [Call], _ memories: [GuardedMemory], on communicator: Communicator,
    _ arenas: CellArenas?
  ) -> [Outcome] {
    let started = calls.indices.map { index in
      Result { try calls[index].run(on: communicator, memories[index], arenas) }
    }
    return started.map { started in
      do {
        try started.get()?.wait()
        return .returned
      } catch {
        return .threw("\(error)")
      }
    }
  }

  /// - Returns: The mark, and what was wrong.
  private func judge(
    _ index: Int, _ outcome: Outcome, _ memory: GuardedMemory, rank: Int, size: Int
  ) -> (mark: String, fault: String?) {
    let calls = (0..<size).map { self.calls(of: $0, size: size)[index] }
    let mine = calls[rank]
    switch outcome {
    case .threw(let text):
      return ("e", faultOfWords(text, index, size: size))
    case .returned:
      if mismatch.mayBeRight && mine.holdsSum(memory, size: size) { return ("r", nil) }
      switch mine.kind {
      case .broadcast(let root) where root == rank: return ("n", nil)
      case .broadcast(let root)
      where calls[root].kind == mine.kind && mine.holdsContribution(memory, of: root):
        return ("n", nil)
      case .reduce(let root) where root != rank: return ("n", nil)
      default: return ("-", "returned as right")
      }
    }
  }

  private func faultOfWords(_ text: String, _ index: Int, size: Int) -> String? {
    let deviator = deviator.rank(of: size)
    let other = deviator == 0 ? 1 : 0
    let missing = MismatchWords.missing(
      in: text, calls(of: deviator, size: size)[index], calls(of: other, size: size)[index])
    return missing.isEmpty ? nil : "the error does not name \(missing.joined(separator: ", "))"
  }

  /// Makes further all-reduces on the communicator, which must be usable.
  ///
  /// A rank that had rightly finished its part of a rooted call is told of the disagreement here.
  /// - Returns: What was wrong.
  private func follow(on communicator: Communicator, mayThrowOnce: Bool, mustThrowOnce: Bool)
    -> [String]
  {
    var faults: [String] = []
    for algorithm in algorithm == .ring ? [.ring] : [algorithm, .ring] {
      let first = faults.isEmpty && algorithm == self.algorithm
      var errors: [String] = []
      while errors.count < 3 {
        do {
          if try isRight(algorithm, on: communicator) { break }
          return faults + ["a later all-reduce by \(algorithm) is wrong"]
        } catch {
          errors.append("\(error)")
        }
      }
      if errors.count > (first && mayThrowOnce ? 1 : 0) {
        return faults + ["the communicator is not usable by \(algorithm): \(errors.last!)"]
      }
      guard first && mustThrowOnce else { continue }
      if let error = errors.first {
        if let fault = faultOfWords(error, 0, size: communicator.size) { faults.append(fault) }
      } else {
        faults.append("the call after a finished one did not throw")
      }
    }
    return faults
  }

  private func isRight(_ algorithm: ReductionAlgorithm, on communicator: Communicator) throws
    -> Bool
  {
    var values = (0..<100).map { Int64($0 + communicator.rank) }
    try communicator.allReduce(&values, .sum, using: algorithm)
    let size = communicator.size
    return values.indices.allSatisfy {
      values[$0] == Int64($0 * size + size * (size - 1) / 2)
    }
  }
}
