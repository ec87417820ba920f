/// A JSON value, and the line of the text on which it begins.
struct JSONNode {
  enum Value {
    case null, boolean(Bool), integer(Int), number(Double), text(String)
    case list([JSONNode])
    case object([(name: String, node: JSONNode)])
  }

  let value: Value
  /// The line of the text on which the value begins, from 1.
  let line: Int

  /// A short description of the value, for error messages.
  var summary: String {
    switch value {
    case .null: "null"
    case .boolean(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .text(let value): "\"\(value)\""
    case .list(let values): "a list of \(values.count)"
    case .object: "an object"
    }
  }
}

/// Parses JSON (RFC 8259).
///
/// Foundation's decoders are not used because they report no line numbers, which error messages name, and keep neither
/// the order of members nor duplicates, which the checks of tensor file headers need. They would also add 5 MB to the
/// resident memory of each rank, or 11 MB with all of Foundation, which nothing else in the library needs.
struct JSONReader {
  /// An error in the text: the line, and why the text is not JSON or not what the caller expects.
  struct Mistake: Error {
    let line: Int
    let reason: String
  }

  private let bytes: [UInt8]
  private var place = 0
  private var line = 1
  private var depth = 0

  private init(_ text: String) { bytes = Array(text.utf8) }

  /// Parses a text that is one JSON value.
  static func read(_ text: String) throws(Mistake) -> JSONNode {
    var reader = JSONReader(text)
    let node = try reader.node()
    reader.skipSpace()
    if reader.next != nil { throw reader.mistake("the end of the file") }
    return node
  }

  /// Parses a text that is one JSON object, and checks that its member `version` equals the given version.
  static func read(_ text: String, version: Int) throws(Mistake) -> JSONNode {
    let root = try read(text)
    let found = try root.member("version")
    guard case .integer(version) = found.value else {
      throw found.mistake("has version \(found.summary), which must be \(version)")
    }
    return root
  }

  private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

  private func mistake(_ expected: String) -> Mistake {
    let found = next.map { "'\(Character(UnicodeScalar($0)))'" } ?? "the end of the text"
    return Mistake(line: line, reason: "is not JSON: expected \(expected), found \(found)")
  }

  private mutating func skipSpace() {
    while let byte = next, [0x20, 0x09, 0x0A, 0x0D].contains(byte) {
      if byte == 0x0A { line += 1 }
      place += 1
    }
  }

  /// Skips spaces, then skips the given character if it is next. Returns whether it was.
  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard next == UInt8(ascii: character) else { return false }
    place += 1
    return true
  }

  private mutating func node() throws(Mistake) -> JSONNode {
    skipSpace()
    let start = line
    if depth > 32 { throw Mistake(line: line, reason: "nests lists and objects more than 32 deep") }
    depth += 1
    defer { depth -= 1 }
    let value: JSONNode.Value =
      switch next {
      case UInt8(ascii: "{"): .object(try members())
      case UInt8(ascii: "["): .list(try elements())
      case UInt8(ascii: "\""): .text(try text())
      default: try word()
      }
    return JSONNode(value: value, line: start)
  }

  private mutating func members() throws(Mistake) -> [(name: String, node: JSONNode)] {
    _ = take("{")
    if take("}") { return [] }
    var members: [(name: String, node: JSONNode)] = []
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw mistake("a key in quotes") }
      let name = try text()
      guard take(":") else { throw mistake("':' after \"\(name)\"") }
      members.append((name, try node()))
    } while take(",")
    guard take("}") else { throw mistake("',' or '}'") }
    return members
  }

  private mutating func elements() throws(Mistake) -> [JSONNode] {
    _ = take("[")
    if take("]") { return [] }
    var elements: [JSONNode] = []
    repeat { elements.append(try node()) } while take(",")
    guard take("]") else { throw mistake("',' or ']'") }
    return elements
  }

  private mutating func text() throws(Mistake) -> String {
    place += 1
    var found: [UInt8] = []
    while let byte = next, byte != UInt8(ascii: "\"") {
      if byte < 0x20 { throw mistake("a closing quote") }
      place += 1
      if byte == UInt8(ascii: "\\") {
        found += try escaped()
      } else {
        found.append(byte)
      }
    }
    if next == nil { throw mistake("a closing quote") }
    place += 1
    return String(decoding: found, as: UTF8.self)
  }

  private mutating func escaped() throws(Mistake) -> [UInt8] {
    guard let byte = next else { throw mistake("a character after '\\'") }
    place += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "u"):
      var code = try unit()
      // Two units (a surrogate pair) make a character above U+FFFF; an unpaired one becomes U+FFFD.
      if (0xD800..<0xDC00).contains(code), bytes[place...].starts(with: Array("\\u".utf8)) {
        let before = place
        place += 2
        let low = try unit()
        if (0xDC00..<0xE000).contains(low) {
          code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        } else {
          place = before
        }
      }
      return Array(String(Character(Unicode.Scalar(code) ?? "\u{FFFD}")).utf8)
    default:
      place -= 1
      throw mistake("a character that '\\' may stand before")
    }
  }

  /// Reads four hexadecimal digits as a number.
  private mutating func unit() throws(Mistake) -> UInt32 {
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = next.flatMap({ Character(UnicodeScalar($0)).hexDigitValue }) else {
        throw mistake("four hexadecimal digits after '\\u'")
      }
      unit = unit << 4 | UInt32(digit)
      place += 1
    }
    return unit
  }

  /// Reads a number, `null`, `true` or `false`.
  private mutating func word() throws(Mistake) -> JSONNode.Value {
    let start = place
    while let byte = next, byte > 0x20, !Array(",:]}[{\"".utf8).contains(byte) { place += 1 }
    let word = String(decoding: bytes[start..<place], as: UTF8.self)
    switch word {
    case "null": return .null
    case "true": return .boolean(true)
    case "false": return .boolean(false)
    default:
      // Double also reads words such as nan.
      if word.utf8.allSatisfy({ Array("+-.0123456789eE".utf8).contains($0) }) {
        if let value = Int(word) { return .integer(value) }
        if let value = Double(word) { return .number(value) }
      }
      place = start
      throw mistake("a value")
    }
  }
}

extension JSONNode {
  func mistake(_ reason: String) -> JSONReader.Mistake {
    JSONReader.Mistake(line: line, reason: reason)
  }

  func member(_ name: String) throws(JSONReader.Mistake) -> JSONNode {
    guard case .object(let members) = value else {
      throw mistake("has \(summary) where an object with \(name) is expected")
    }
    guard let found = members.first(where: { $0.name == name }) else {
      throw mistake("begins an object without \(name)")
    }
    return found.node
  }

  func elements(_ name: String) throws(JSONReader.Mistake) -> [JSONNode] {
    guard case .list(let elements) = value else {
      throw mistake("has \(summary) for \(name), which must be a list")
    }
    return elements
  }

  func text(_ name: String) throws(JSONReader.Mistake) -> String {
    guard case .text(let text) = value else {
      throw mistake("has \(summary) for \(name), which must be a string")
    }
    return text
  }

  func count(_ name: String) throws(JSONReader.Mistake) -> Int {
    // Larger than any real count, and small enough that the sum of a list does not overflow.
    let most = 1 << 40
    guard case .integer(let count) = value, (1...most).contains(count) else {
      throw mistake("has \(summary) for \(name), which must be a whole number from 1 to \(most)")
    }
    return count
  }

  func countOrNull(_ name: String) throws(JSONReader.Mistake) -> Int? {
    if case .null = value { return nil }
    return try count(name)
  }

  func optional(_ name: String) -> JSONNode? {
    guard case .object(let members) = value else { return nil }
    return members.first { $0.name == name }?.node
  }

  /// Checks that an object has no members other than the named ones.
  ///
  /// - Throws: ``JSONReader/Mistake``, also if the value is not an object.
  func allow(_ names: [String]) throws(JSONReader.Mistake) {
    guard case .object(let members) = value else {
      throw mistake("has \(summary) where an object is expected")
    }
    guard let other = members.first(where: { !names.contains($0.name) }) else { return }
    throw other.node.mistake(
      "has \"\(other.name)\", which is none of \(names.joined(separator: ", "))")
  }

  func boolean(_ name: String) throws(JSONReader.Mistake) -> Bool {
    guard case .boolean(let value) = value else {
      throw mistake("has \(summary) for \(name), which must be true or false")
    }
    return value
  }

  /// Reads a string that is the raw value of one of an enumeration's cases.
  ///
  /// - Throws: ``JSONReader/Mistake`` if it is not.
  func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ name: String
  ) throws(JSONReader.Mistake) -> Choice {
    let text = try text(name)
    guard let choice = Choice(rawValue: text) else {
      let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw mistake("has \"\(text)\" for \(name), and none of \(names)")
    }
    return choice
  }
}
