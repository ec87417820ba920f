public import AllReduce
public import ArgumentParser

/// The value of `--meet`, how replicas synchronize: everyStep, every:H, every:auto; or downpour or easgd, which use
/// parameter servers.
public enum MeetingWords: Sendable {
  /// Replicas synchronize through an all-reduce, at this interval.
  case interval(Meeting.Interval)
  /// Workers train with parameter servers, by this method.
  case servers(ServerSettings.Method)

  /// Reads the value of `--meet`.
  ///
  /// - Throws: An error whose text is a sentence, if the text is none of the allowed values.
  public init(_ text: String) throws {
    if let method = ServerSettings.Method(rawValue: text) {
      self = .servers(method)
    } else if text == "everyStep" {
      self = .interval(.everyStep)
    } else if text.hasPrefix("every:") {
      self = .interval(try Meeting.interval(every: String(text.dropFirst("every:".count))))
    } else {
      throw ValidationError(
        "--meet must be everyStep, every:STEPS (such as every:32), every:auto, downpour or easgd, not \(text)."
      )
    }
  }
}

/// How replicas synchronize, as a command line gives it.
extension Meeting {

  /// Reads the value of `--exchange-every`: a number of steps, or auto.
  ///
  /// - Throws: An error whose text is a sentence, if the text is neither.
  public static func interval(every text: String) throws -> Interval {
    if text == "auto" { return .automatic }
    guard let steps = Int(text), (1...OptionBounds.most).contains(steps) else {
      throw ValidationError(
        "the steps between two meetings must be a whole number, 1 or more, or auto, not \(text).")
    }
    return .steps(steps)
  }

  /// Reads the value of `--replica`, the size of a replica: a number of ranks, or host.
  ///
  /// - Throws: An error whose text is a sentence, if the text is neither.
  public static func replica(_ text: String) throws -> ReplicaSize {
    if text == "host" { return .host }
    guard let count = Int(text), (1...OptionBounds.most).contains(count) else {
      throw ValidationError(
        "a replica is given as a number of ranks, 1 or more, or as host, not as \(text).")
    }
    return .ranks(count)
  }
}

/// Lets a command line give an outer rule by its name.
extension Meeting.OuterRule: ExpressibleByArgument {}

/// Lets a command line give a straggler, such as 2:4: rank 2 takes four times as long.
extension Straggler: ExpressibleByArgument {
  /// Reads RANK:FACTOR; nil if the argument is not of this form.
  public init?(argument: String) {
    let words = argument.split(separator: ":", omittingEmptySubsequences: false)
    guard words.count == 2, let rank = Int(words[0]), let factor = Double(words[1]), rank >= 0,
      factor >= 1, factor.isFinite
    else { return nil }
    self.init(rank: rank, factor: factor)
  }

  /// The straggler as help shows a default value: "2:4.0".
  public var defaultValueDescription: String { "\(rank):\(factor)" }
}
