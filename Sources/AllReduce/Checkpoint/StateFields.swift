/// The members of a JSON object, read by name and type.
package struct StateFields {
  /// The error for a member that is missing or wrong.
  package struct Mistake: Error {
    let expected: String
    let found: String
  }

  private let members: [String: JSONNode]

  init(_ text: String) throws(Mistake) {
    do {
      self.init(try StateFields.object(JSONReader.read(text), "a JSON object"))
    } catch let mistake as Mistake {
      throw mistake
    } catch {
      throw Mistake(expected: "a JSON object", found: "\(text.prefix(20))...")
    }
  }

  private init(_ members: [(name: String, node: JSONNode)]) {
    self.members = Dictionary(members.map { ($0.name, $0.node) }) { first, _ in first }
  }

  private static func object(
    _ node: JSONNode?, _ expected: String
  ) throws(Mistake) -> [(name: String, node: JSONNode)] {
    guard case .object(let members)? = node?.value else {
      throw Mistake(expected: expected, found: node?.summary ?? "none")
    }
    return members
  }

  private func wrong(_ expected: String, _ name: String) -> Mistake {
    Mistake(expected: "\(expected) as \"\(name)\"", found: members[name]?.summary ?? "none")
  }

  func has(_ name: String) -> Bool { members[name] != nil }

  func object(_ name: String) throws(Mistake) -> StateFields {
    StateFields(try StateFields.object(members[name], "an object as \"\(name)\""))
  }

  func text(_ name: String) throws(Mistake) -> String {
    guard case .text(let text)? = members[name]?.value else { throw wrong("a string", name) }
    return text
  }

  func boolean(_ name: String) throws(Mistake) -> Bool {
    guard case .boolean(let value)? = members[name]?.value else {
      throw wrong("true or false", name)
    }
    return value
  }

  /// Returns a member that is a string; nil if there is no member of this name.
  func optionalText(_ name: String) throws(Mistake) -> String? {
    has(name) ? try text(name) : nil
  }

  /// Returns a member that is a 64-bit number, written as a string.
  func word(_ name: String) throws(Mistake) -> UInt64 {
    guard let value = UInt64(try text(name)) else { throw wrong("a number in quotes", name) }
    return value
  }

  func texts(_ name: String) throws(Mistake) -> [String] {
    guard case .list(let elements)? = members[name]?.value else {
      throw wrong("a list of strings", name)
    }
    var texts: [String] = []
    for element in elements {
      guard case .text(let text) = element.value else { throw wrong("a list of strings", name) }
      texts.append(text)
    }
    return texts
  }

  /// The largest count that is accepted: more than a training run reaches, and so small that sums with it, and products
  /// of it and a size of memory, do not overflow.
  private static let most = 1 << 48

  func count(_ name: String, from least: Int = 0) throws(Mistake) -> Int {
    guard case .integer(let value)? = members[name]?.value,
      (least...StateFields.most).contains(value)
    else { throw wrong("a whole number from \(least) to \(StateFields.most)", name) }
    return value
  }

  func number(_ name: String) throws(Mistake) -> Double {
    guard let value = members[name]?.number, value.isFinite else { throw wrong("a number", name) }
    return value
  }

  func numbers(_ name: String) throws(Mistake) -> [Double] {
    guard case .list(let elements)? = members[name]?.value,
      case let numbers = elements.compactMap(\.number), numbers.count == elements.count,
      numbers.allSatisfy(\.isFinite)
    else { throw wrong("a list of numbers", name) }
    return numbers
  }

  func counts(_ name: String) throws(Mistake) -> [Int] {
    let numbers = try numbers(name)
    let counts = numbers.compactMap { Int(exactly: $0) }
    guard counts.count == numbers.count, counts.allSatisfy((0...StateFields.most).contains) else {
      throw wrong("a list of whole numbers from 0 to \(StateFields.most)", name)
    }
    return counts
  }
}

extension JSONNode {
  fileprivate var number: Double? {
    switch value {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }
}
