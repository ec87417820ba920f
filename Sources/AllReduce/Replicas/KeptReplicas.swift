internal import AllReduceNN

/// Where replicas stand in their rounds, for a state to resume from: in addition to their vectors, what a replica has seen
/// since each fragment was last exchanged.
package struct KeptReplicas: Equatable, Sendable {
  /// The replicas, whose own weights are in the state.
  package internal(set) var count: Int
  /// The steps that each has taken.
  package internal(set) var steps: Int
  /// The step from which rounds count.
  var start: Int
  /// The steps of a round; nil where these are being measured.
  package internal(set) var every: Int?
  /// The fragment whose difference is in the state, added up and not due yet.
  var underWay: Int?
  /// The weight, length and square of that difference.
  var figures: [Double]
  var outerSteps: Int
  var cosines: (sum: Double, count: Int)
  /// The steps when each fragment was last exchanged.
  var stepsTaken: [Int]
  /// The examples since then, of each replica a number a fragment.
  var examples: [Int]
  /// The score of the present epoch so far, a replica each.
  var scores: [BatchScore]

  /// Whether no replica has learned anything since the last meeting.
  var isBetweenRounds: Bool { underWay == nil && stepsTaken.allSatisfy { $0 == steps } }

  /// Whether all is equal.
  package static func == (a: KeptReplicas, b: KeptReplicas) -> Bool {
    a.json.encodedOnOneLine() == b.json.encodedOnOneLine()
  }
}

extension KeptReplicas {
  /// An object, as it stands in a state.
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

  /// Reads what ``json`` wrote.
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
