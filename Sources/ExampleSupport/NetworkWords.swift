/// A network as a command line describes it: a word for each layer, separated by commas.
///
/// `784,512,relu,dropout:0.5,10` or `28x28x1,conv:32x3,batchnorm,relu,pool:2,512,relu,10`. The first word is the shape
/// of an example's input: a number of values, or height x width x channels of an image. The other words:
/// | word | layer |
/// |---|---|
/// | `512` | dense, with this many outputs; an image before it is flattened |
/// | `conv:32x3`, `conv:32x5/2+0` | convolution: filters x size, `/` stride (1), `+` padding ((size - 1) / 2) |
/// | `pool:2`, `avgpool:3/2` | largest or mean of squares of that size, `/` stride (the size) |
/// | `relu` `leakyrelu` `tanh` `sigmoid` `gelu` | nonlinearity |
/// | `dropout:0.5` | drops that part of the values in training |
/// | `batchnorm` `layernorm` `flatten` | |
public struct NetworkWords: Sendable, Equatable {
  /// The shape of an example's input, from the first word: `[784]` or `[28, 28, 1]`.
  public let input: [Int]
  /// The layers, in order.
  public let words: [Word]

  /// One layer of the network.
  public enum Word: Sendable, Equatable {
    case dense(Int)
    case convolution(filters: Int, size: Int, stride: Int, padding: Int)
    case maxPool(size: Int, stride: Int)
    case averagePool(size: Int, stride: Int)
    case dropout(Double)
    case plain(Plain)
  }

  /// A layer that takes no number.
  public enum Plain: String, Sendable, CaseIterable {
    case relu, leakyrelu, tanh, sigmoid, gelu, batchnorm, layernorm, flatten
  }

  /// Creates the description of a network from its input's shape and its layers.
  public init(input: [Int], words: [Word]) {
    self.input = input
    self.words = words
  }

  /// Parses the description of a network.
  ///
  /// - Parameter text: Words separated by commas; spaces around words are ignored.
  /// - Throws: ``NetworkWordsError`` that names the word that cannot be understood.
  public init(_ text: String) throws(NetworkWordsError) {
    var parts = text.split(separator: ",", omittingEmptySubsequences: false).map(NetworkWords.trim)
    let first = parts.removeFirst()
    guard let input = NetworkWords.numbers(first, separator: "x"), [1, 3].contains(input.count)
    else {
      throw NetworkWordsError(
        word: first, place: 1,
        reason: "the first word is the input: a number of values, or HEIGHTxWIDTHxCHANNELS")
    }
    var words: [Word] = []
    for (index, part) in parts.enumerated() {
      do {
        words.append(try NetworkWords.word(part))
      } catch {
        throw NetworkWordsError(word: part, place: index + 2, reason: error.text)
      }
    }
    guard words.contains(where: { if case .dense = $0 { true } else { false } }) else {
      throw NetworkWordsError(
        word: parts.last ?? first, place: parts.count + 1,
        reason: "no word after the input is a dense layer; end the list with the number of "
          + "classes, such as 10")
    }
    self.init(input: input, words: words)
  }

  private struct Reason: Error {
    let text: String
  }

  private static func word(_ text: String) throws(Reason) -> Word {
    if let plain = Plain(rawValue: text) { return .plain(plain) }
    if let outputs = numbers(text, separator: "x"), outputs.count == 1 { return .dense(outputs[0]) }
    guard let colon = text.firstIndex(of: ":") else {
      throw Reason(
        text:
          "a layer is a number of outputs, conv:FILTERSxSIZE, pool:SIZE, avgpool:SIZE, dropout:PART, "
          + Plain.allCases.map(\.rawValue).joined(separator: ", "))
    }
    let (name, rest) = (String(text[..<colon]), String(text[text.index(after: colon)...]))
    switch name {
    case "conv": return try convolution(rest)
    case "pool":
      let (size, stride) = try pooling(rest)
      return .maxPool(size: size, stride: stride)
    case "avgpool":
      let (size, stride) = try pooling(rest)
      return .averagePool(size: size, stride: stride)
    case "dropout":
      guard let part = Double(rest), part >= 0, part < 1 else {
        throw Reason(text: "dropout takes a number that is at least 0 and less than 1")
      }
      return .dropout(part)
    default:
      throw Reason(text: "before a colon stands conv, pool, avgpool or dropout")
    }
  }

  private static func convolution(_ text: String) throws(Reason) -> Word {
    let reason = Reason(
      text: "a convolution is conv:FILTERSxSIZE, then /STRIDE and +PADDING if wanted")
    let (front, padding) = try cut(text, at: "+", reason, atLeast: 0)
    let (shape, stride) = try cut(front, at: "/", reason, atLeast: 1)
    guard let both = numbers(shape, separator: "x"), both.count == 2 else { throw reason }
    return .convolution(
      filters: both[0], size: both[1], stride: stride ?? 1, padding: padding ?? (both[1] - 1) / 2)
  }

  private static func pooling(_ text: String) throws(Reason) -> (size: Int, stride: Int) {
    let reason = Reason(text: "pooling takes a size, then /STRIDE if wanted")
    let (front, stride) = try cut(text, at: "/", reason, atLeast: 1)
    guard let size = numbers(front, separator: "x"), size.count == 1 else { throw reason }
    return (size[0], stride ?? size[0])
  }

  /// Splits a text at a sign: returns the text before it and the number after it, or the whole text and nil if the sign
  /// does not occur.
  private static func cut(
    _ text: String, at sign: Character, _ reason: Reason, atLeast least: Int
  ) throws(Reason) -> (String, Int?) {
    guard let place = text.firstIndex(of: sign) else { return (text, nil) }
    guard let number = Int(text[text.index(after: place)...]), number >= least else { throw reason }
    return (String(text[..<place]), number)
  }

  /// Parses whole numbers above zero; returns nil if any part is not one, or is above 2^24.
  private static func numbers(_ text: String, separator: Character) -> [Int]? {
    let numbers = text.split(separator: separator, omittingEmptySubsequences: false).map {
      Int($0) ?? 0
    }
    return numbers.allSatisfy { $0 > 0 && $0 <= 1 << 24 } ? numbers : nil
  }

  private static func trim(_ text: Substring) -> String {
    String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}
