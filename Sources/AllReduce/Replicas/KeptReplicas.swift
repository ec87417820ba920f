internal import AllReduceNN

/// The progress of replicas within a round, as a checkpoint keeps it in addition to their vectors: among others, the
/// examples that each replica has trained on since each fragment was last exchanged.
package struct KeptReplicas: Equatable, Sendable {
  /// The number of replicas, whose own weights are in the checkpoint.
  package internal(set) var count: Int
  /// The number of steps that each replica has taken.
  package internal(set) var steps: Int
  /// The step from which rounds are counted.
  var start: Int
  /// The number of steps in a round; nil while replicas still measure it.
  package internal(set) var every: Int?
  /// The fragment whose summed difference is in the checkpoint but not yet due to be applied; nil if there is none.
  var underWay: Int?
  /// For the fragment in ``underWay``, summed over the replicas: the weights in the mean, and the lengths and the
  /// squared lengths of the weighted differences.
  var figures: [Double]
  var outerSteps: Int
  var cosines: (sum: Double, count: Int)
  /// For each fragment, the step at which it was last exchanged.
  var stepsTaken: [Int]
  /// The number of examples since each fragment was last exchanged: for each replica, one number per fragment.
  var examples: [Int]
  /// For each replica, its score of the present epoch so far.
  var scores: [BatchScore]

  /// Whether no replica has trained since the last synchronization, and no exchange is in flight.
  var isBetweenRounds: Bool { underWay == nil && stepsTaken.allSatisfy { $0 == steps } }

  /// Whether all fields are equal.
  package static func == (a: KeptReplicas, b: KeptReplicas) -> Bool {
    a.json.encodedOnOneLine() == b.json.encodedOnOneLine()
  }
}

extension KeptReplicas {
  /// The JSON object that a checkpoint has for these fields.
  var json: JSONValue {
    .object([
      ("count", .integer(count)), ("steps", .integer(steps)), ("start", .integer(start)),
      ("every", .integer(every ?? 0)), ("under_way", .integer(underWay.map { $0 + 1 } ?? 0)),
      ("figures", .numbers(figures)), ("outer_steps", .integer(outerSteps)),
      ("cosine_sum", .number(cosines.sum)), ("cosine_count", .integer(cosines.count)),
      ("steps_taken", .integers(stepsTaken)), ("examples", .integers(examples)),
      ("epoch_examples", .integers(scores.map(\.examples))),
      ("epoch_losses", .numbers(scores.map(\.loss))),
      ("epoch_correct", .integers(scores.map(\.correct))),
    ])
  }

  /// Creates the value from the fields that ``json`` wrote.
  init(_ fields: StateFields) throws(StateFields.Mistake) {
    count = try fields.count("count", from: 1)
    steps = try fields.count("steps")
    start = try fields.count("start")
    let (every, fragment) = (try fields.count("every"), try fields.count("under_way"))
    self.every = every == 0 ? nil : every
    underWay = fragment == 0 ? nil : fragment - 1
    figures = try fields.numbers("figures")
    outerSteps = try fields.count("outer_steps")
    cosines = (try fields.number("cosine_sum"), try fields.count("cosine_count"))
    stepsTaken = try fields.counts("steps_taken")
    examples = try fields.counts("examples")
    let (seen, correct) = (try fields.counts("epoch_examples"), try fields.counts("epoch_correct"))
    let (losses, all) = (try fields.numbers("epoch_losses"), count)
    guard figures.count == 3, !stepsTaken.isEmpty, fragment <= stepsTaken.count,
      examples.count % stepsTaken.count == 0, examples.count / stepsTaken.count == count,
      [seen.count, correct.count, losses.count].allSatisfy({ $0 == all })
    else {
      throw StateFields.Mistake(
        expected: "a number a replica and fragment as \"replicas\"",
        found: "\(count) replicas, \(stepsTaken.count) fragments, \(examples.count) numbers")
    }
    scores = seen.indices.map {
      BatchScore(examples: seen[$0], loss: losses[$0], correct: correct[$0])
    }
  }
}
