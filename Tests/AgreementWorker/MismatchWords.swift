import AllReduce

/// What an error about two calls must say.
enum MismatchWords {
  /// What `text` leaves out of the ranks, the two calls and what they differ in.
  ///
  /// Numbers may be written with separators; words in any case.
  static func missing(in text: String, _ one: Call, _ other: Call) -> [String] {
    let text = text.lowercased().replacing(#/(\d),(\d{3})/#) { "\($0.1)\($0.2)" }
    var missing: [String] = []
    if ranks(in: text).count < 2 { missing.append("two ranks") }
    let calls = text.matches(of: #/all-?reduce|reduce-?scatter|all-?gather|broadcast|reduce/#)
    if calls.count < 2 { missing.append("both calls") }
    for alternatives in differences(one, other)
    where !alternatives.contains(where: { contains($0, text) }) {
      missing.append(alternatives[0])
    }
    return missing
  }

  /// All numbers of ranks: "rank 3", "ranks 0, 2 and 5", "ranks 0-3".
  static func ranks(in text: String) -> Set<Int> {
    var found: Set<Int> = []
    for match in text.matches(of: #/ranks? (\d+(?:(?:, | and |-|, and )\d+)*)/#) {
      for number in match.1.matches(of: #/\d+/#) { found.insert(Int(number.0)!) }
    }
    return found
  }

  /// Words that must be there, each with what else would do.
  private static func differences(_ one: Call, _ other: Call) -> [[String]] {
    var words: [[String]] = []
    func both(_ differ: Bool, _ word: (Call) -> [String]) {
      if differ { words += [word(one), word(other)] }
    }
    switch (one.kind, other.kind) {
    case (.broadcast(let root), .broadcast(let second)),
      (.reduce(let root), .reduce(let second)):
      if root != second { words += [root, second].map { ["rank \($0)", "root \($0)"] } }
    default: both(one.kind != other.kind) { names(of: $0.kind) }
    }
    both(one.type != other.type) { ["\($0.type)"] }
    both(one.count != other.count) { call in
      call.count == 0
        ? ["of 0", "0 elements", "no element", "empty"]
        : ["\(call.count)", "\(call.count * call.type.bytes)"]
    }
    both(one.operation != other.operation) { ["\($0.operation)"] }
    both(one.algorithm != other.algorithm) { [$0.algorithm.name.lowercased()] }
    if one.wireFormat != other.wireFormat { words.append(["bfloat16"]) }
    both(one.name != other.name) { ["\"\($0.name ?? "")\"", "'\($0.name ?? "")'"] }
    if one.place != other.place { words.append(["arena"]) }
    return words
  }

  private static func names(of kind: Call.Kind) -> [String] {
    switch kind {
    case .allReduce: ["allreduce", "all-reduce"]
    case .reduceScatter: ["reducescatter", "reduce-scatter"]
    case .allGather: ["allgather", "all-gather"]
    case .broadcast: ["broadcast"]
    case .reduce: ["reduce"]
    }
  }

  /// Whether the word stands in the text, with no letter or digit beside it.
  private static func contains(_ word: String, _ text: String) -> Bool {
    text.ranges(of: word).contains { range in
      let before =
        range.lowerBound == text.startIndex ? " " : text[text.index(before: range.lowerBound)]
      let after = range.upperBound == text.endIndex ? " " : text[range.upperBound]
      let isWord = { (character: Character) in character.isLetter || character.isNumber }
      return !(isWord(word.first!) && isWord(before)) && !(isWord(word.last!) && isWord(after))
    }
  }
}
