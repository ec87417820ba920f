public import AllReduce
public import ArgumentParser

/// The value of `--meet`: everyStep, every:H, every:auto; or downpour and easgd, which have servers.
public enum MeetingWords: Sendable {
  /// Replicas meet through an all-reduce.
  case interval(Meeting.Interval)
  /// Workers and servers.
  case servers(ServerSettings.Method)

  /// Reads what it says.
  ///
  /// - Throws: An error whose text is a sentence, if it is none of these.
  public init(_ text: String) throws {
    if let method = ServerSettings.Method(rawValue: text) {
      self = .servers(method)
    } else if text == "everyStep" {
      self = .interval(.everyStep)
    } else if text.hasPrefix("every:") {
      self = .interval(try Meeting.interval(every: String(text.dropFirst("every:".count))))
    } else {
      throw ValidationError(
        "a meeting is everyStep, every:STEPS, such as every:32, every:auto, downpour or easgd, not \(text)."
      )
    }
  }
}

/// How replicas meet, as a command line says it.
extension Meeting {

  /// The interval of `--exchange-every`: a number of steps, or auto.
  ///
  /// - Throws: An error whose text is a sentence, if it is none of these.
  public static func interval(every text: String) throws -> Interval {
    if text == "auto" { return .automatic }
    guard let steps = Int(text), (1...OptionBounds.most).contains(steps) else {
      throw ValidationError(
        "the steps between meetings are a whole number from 1, or auto, not \(text).")
    }
    return .steps(steps)
  }

  /// The ranks of `--replica`: a number, or host.
  ///
  /// - Throws: An error whose text is a sentence, if it is none of these.
  public static func replica(_ text: String) throws -> ReplicaSize {
    if text == "host" { return .host }
    guard let count = Int(text), (1...OptionBounds.most).contains(count) else {
      throw ValidationError(
        "a replica is given as a number of ranks, 1 or more, or as host, not as \(text).")
    }
    return .ranks(count)
  }
}

/// The outer rules by name.
extension Meeting.OuterRule: ExpressibleByArgument {}

/// Such as 2:4: rank 2 takes four times as long.
extension Straggler: ExpressibleByArgument {
  /// Reads RANK:FACTOR.
  public init?(argument: String) {
    let words = argument.split(separator: ":", omittingEmptySubsequences: false)
    guard words.count == 2, let rank = Int(words[0]), let factor = Double(words[1]), rank >= 0,
      factor >= 1, factor.isFinite
    else { return nil }
    self.init(rank: rank, factor: factor)
  }

  /// "2:4.0".
  public var defaultValueDescription: String { "\(rank):\(factor)" }
}
