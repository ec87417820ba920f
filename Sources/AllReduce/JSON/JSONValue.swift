/// A JSON value whose objects keep the order of their keys.
package enum JSONValue: Sendable {
  /// JSON's `null`, for a value that was not measured.
  case null
  /// `true` or `false`.
  case boolean(Bool)
  /// An integer.
  case integer(Int)
  /// A floating-point number, written so that reading it gives the same bits; `null` if it is NaN or infinite.
  case number(Double)
  /// A string.
  case text(String)
  /// An array of values, in order.
  case list([JSONValue])
  /// An object, whose members are written in this order.
  case object([(String, JSONValue)])

  /// Returns a number, or `.null` if `value` is nil.
  package static func number(orNull value: Double?) -> JSONValue {
    value.map { .number($0) } ?? .null
  }

  /// Returns a list of floating-point numbers.
  package static func numbers(_ values: [Double]) -> JSONValue {
    .list(values.map { .number($0) })
  }

  /// Returns a list of integers.
  package static func integers(_ values: [Int]) -> JSONValue {
    .list(values.map { .integer($0) })
  }

  /// Returns the value as JSON. An outermost object has one line per member; everything else is on one line.
  package func encoded() -> String {
    guard case .object(let members) = self else { return inline }
    let lines = members.map { "  \(JSONValue.quoted($0.0)): \($0.1.inline)" }
    return "{\n" + lines.joined(separator: ",\n") + "\n}"
  }

  /// Returns the value as JSON on one line.
  package func encodedOnOneLine() -> String { inline }

  private var inline: String {
    switch self {
    case .null: "null"
    case .boolean(let value): value ? "true" : "false"
    case .integer(let value): "\(value)"
    case .number(let value): value.isFinite ? "\(value)" : "null"
    case .text(let value): JSONValue.quoted(value)
    case .list(let values): "[" + values.map(\.inline).joined(separator: ", ") + "]"
    case .object(let members):
      "{" + members.map { "\(JSONValue.quoted($0.0)): \($0.1.inline)" }.joined(separator: ", ")
        + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\r": quoted += "\\r"
      case "\t": quoted += "\\t"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
