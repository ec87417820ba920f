extension Meeting {
  /// Creates the settings from the member `meet` of a plan's JSON text.
  init(_ node: JSONNode) throws(JSONReader.Mistake) {
    try node.allow([
      "every", "replica_ranks", "through", "outer_optimizer", "outer_learning_rate",
      "outer_momentum", "fragments", "overlap_steps", "mix", "warm_up_steps",
    ])
    self.init()
    if let node = node.optional("every") { every = try Meeting.interval(node) }
    if let node = node.optional("replica_ranks") {
      if case .text("host") = node.value {
        replica = .host
      } else {
        replica = .ranks(try node.count("replica_ranks"))
      }
    }
    if let node = node.optional("through") { through = try node.choice("through") }
    if let node = node.optional("outer_optimizer") {
      outerRule = try node.choice("outer_optimizer")
    }
    outerLearningRate = try node.optional("outer_learning_rate")?.number("outer_learning_rate")
    outerMomentum = try node.optional("outer_momentum")?.number("outer_momentum")
    if let node = node.optional("fragments") { fragments = try node.count("fragments") }
    if let node = node.optional("overlap_steps") {
      overlapSteps = try node.natural("overlap_steps")
    }
    mix = try node.optional("mix")?.number("mix") ?? 0
    if let node = node.optional("warm_up_steps") {
      warmUpSteps = try node.natural("warm_up_steps")
    }
    do { try check() } catch { throw node.mistake("cannot be: \(error)") }
  }

  private static func interval(_ node: JSONNode) throws(JSONReader.Mistake) -> Interval {
    switch node.value {
    case .text("everyStep"): return .everyStep
    case .text("auto"): return .automatic
    case .integer(let steps) where steps > 0: return .steps(steps)
    default:
      throw node.mistake(
        "has \(node.summary) for every, which must be everyStep, auto or a number of steps from 1")
    }
  }

  /// The JSON that ``init(_:)`` reads. The outer rule, its learning rate and momentum, the mix and the warm-up are left
  /// out where they have their defaults.
  var json: JSONValue {
    let plain = Meeting()
    var members: [(String, JSONValue)] = []
    switch every {
    case .everyStep: members.append(("every", .text("everyStep")))
    case .steps(let count): members.append(("every", .integer(count)))
    case .automatic: members.append(("every", .text("auto")))
    }
    switch replica {
    case .ranks(let count): members.append(("replica_ranks", .integer(count)))
    case .host: members.append(("replica_ranks", .text("host")))
    }
    members.append(("through", .text(through.rawValue)))
    if outerRule != plain.outerRule {
      members.append(("outer_optimizer", .text(outerRule.rawValue)))
    }
    if let outerLearningRate { members.append(("outer_learning_rate", .number(outerLearningRate))) }
    if let outerMomentum { members.append(("outer_momentum", .number(outerMomentum))) }
    members.append(("fragments", .integer(fragments)))
    members.append(("overlap_steps", .integer(overlapSteps)))
    if mix != plain.mix { members.append(("mix", .number(mix))) }
    if warmUpSteps != plain.warmUpSteps { members.append(("warm_up_steps", .integer(warmUpSteps))) }
    return .object(members)
  }
}

extension JSONNode {
  fileprivate func natural(_ name: String) throws(JSONReader.Mistake) -> Int {
    guard case .integer(let count) = value, count >= 0 else {
      throw mistake("has \(summary) for \(name), which must be a whole number from 0")
    }
    return count
  }

  fileprivate func number(_ name: String) throws(JSONReader.Mistake) -> Double {
    switch value {
    case .integer(let value): return Double(value)
    case .number(let value): return value
    default: throw mistake("has \(summary) for \(name), which must be a number")
    }
  }
}
