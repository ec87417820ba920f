import AllReduce
import ArgumentParser
import ExampleSupport

/// The options of parameter servers.
struct ServerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "With --strategy downpour or easgd, the last ranks that serve the weights, each a shard "
        + "(default: 1).", valueName: "ranks"))
  var servers: Int?

  @Option(
    help: ArgumentHelp(
      "Workers read the weights whenever this many steps are done (default: 1).", valueName: "steps"
    ))
  var fetchEvery: Int?

  @Option(
    help: ArgumentHelp(
      "Workers push what they have learned whenever this many steps are done (default: 1; 10 for easgd).",
      valueName: "steps"))
  var pushEvery: Int?

  @Option(
    help: ArgumentHelp(
      "How many clocks a worker may be ahead of the slowest; 0 is synchronous (default: any).",
      valueName: "clocks"))
  var stalenessBound: Int?

  @Option(
    help: ArgumentHelp(
      "How servers treat stale gradients: none, constant:L or adaptive:L (delay compensation), scaled "
        + "(the rate, by the staleness), nesterov:N (momentum at each N-th) (default: none).",
      valueName: "rule"))
  var compensation: Staleness.Compensation?

  /// The name of the first of these options that was given; nil if none was.
  var given: String? {
    let all: [(name: String, isGiven: Bool)] = [
      ("servers", servers != nil), ("fetch-every", fetchEvery != nil),
      ("push-every", pushEvery != nil), ("staleness-bound", stalenessBound != nil),
      ("compensation", compensation != nil),
    ]
    return all.first { $0.isGiven }?.name
  }

  func validate() throws {
    try OptionBounds.check("servers", servers, in: 0...OptionBounds.most)
    try OptionBounds.check("fetch-every", fetchEvery)
    try OptionBounds.check("push-every", pushEvery)
    try OptionBounds.check("staleness-bound", stalenessBound, in: 0...OptionBounds.most)
  }
}

extension ClassifierOptions {
  /// How workers train with parameter servers; nil if there are no servers.
  var serverSettings: ServerSettings? {
    var method = ServerSettings.Method(rawValue: strategy.rawValue)
    if strategy == .data, case .servers(let meeting) = replicas.meet { method = meeting }
    guard let method else { return nil }
    var settings = ServerSettings(method: method, servers: serving.servers ?? 1)
    settings.pushEvery = serving.pushEvery ?? (method == .easgd ? 10 : 1)
    settings.fetchEvery = serving.fetchEvery ?? (method == .easgd ? settings.pushEvery : 1)
    settings.staleness = Staleness(
      bound: serving.stalenessBound, compensation: serving.compensation ?? .none)
    settings.warmUpSteps = replicas.warmUpSteps ?? 0
    return settings
  }

  /// Checks the options of parameter servers against all other options.
  func validateServing() throws {
    if case .servers(let method) = replicas.meet, strategy != .data {
      throw ValidationError(
        "--meet \(method.rawValue) is for replicas of one rank, --strategy data, not "
          + "\(strategy.rawValue).")
    }
    guard let settings = serverSettings else {
      // A resumed run takes what is not given from its state.
      if !keeping.resume { try replicas.checkMeeting() }
      if let given = serving.given {
        throw ValidationError(
          "--\(given) needs --strategy downpour or easgd, not \(strategy.rawValue).")
      }
      return
    }
    var meeting = replicas
    meeting.warmUpSteps = nil
    if case .servers = meeting.meet { meeting.meet = nil }
    for (name, isGiven) in [
      ("plan", plan != nil), ("print-plan", printPlan), ("update", updating.update != nil),
      ("reproducible", updating.reproducible != nil), ("compress", compress != nil),
      ("wire-format", requestedWireFormat != nil), ("bucket-bytes", bucketBytes != nil),
      ("no-overlap", !overlap), ("accumulate", accumulate != 1), ("clip", learning.clip != nil),
      ("weights", weights.weights != nil), ("patience", keeping.patience != nil),
      ("algorithm", algorithm != .automatic), ("grid", sharing.grid != nil),
      (meeting.given ?? "", meeting.given != nil),
      ("check-replicas", safety.checkReplicas != nil), ("replay", safety.replay != nil),
      ("on-nonfinite", safety.onNonfinite == .skip),
      ("fetch-every", settings.method == .easgd && serving.fetchEvery != nil),
    ] where isGiven {
      throw ValidationError(
        "--\(name) has no meaning with --strategy \(settings.method.rawValue): leave it out.")
    }
    do {
      // The number of ranks is not known yet.
      try settings.check(ranks: .max, optimizer: learning.rule)
    } catch { throw ValidationError("\(error)") }
  }
}
