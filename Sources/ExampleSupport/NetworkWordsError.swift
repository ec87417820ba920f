public import AllReduce

/// A word for a layer that cannot be understood.
public struct NetworkWordsError: ExitCoded, CustomStringConvertible, Sendable {
  /// The word.
  public let word: String
  /// Its place in the list, from 1.
  public let place: Int
  /// What the layer should be.
  public let reason: String

  /// 64: wrong usage.
  public var exitCode: Int32 { 64 }

  /// A sentence that names the word.
  public var description: String {
    "Word \(place) of the layers, \"\(word)\", cannot be understood: \(reason)."
  }
}
