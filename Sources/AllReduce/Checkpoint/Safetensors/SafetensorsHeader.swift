import AllReduceNN

/// The header of a safetensors file: eight bytes that give its length, then JSON.
struct SafetensorsHeader {
  /// The names and strings of the metadata.
  let metadata: [(name: String, text: String)]
  /// The tensors, in the order of their bytes, which follow each other without gaps.
  let entries: [SafetensorsEntry]

  /// The largest header that is read, in bytes; the format's own library has the same limit.
  private static let mostBytes = 100_000_000

  /// Creates a header for tensors whose bytes follow one another in the given order.
  init(
    metadata: [(name: String, text: String)],
    tensors: [(name: String, type: String, shape: Shape)]
  ) {
    self.metadata = metadata
    var place = 0
    var entries: [SafetensorsEntry] = []
    for (name, type, shape) in tensors {
      guard let stride = SafetensorsEntry.strides[type] else {
        preconditionFailure("safetensors has no type \(type)")
      }
      let end = place + shape.count * stride
      entries.append(SafetensorsEntry(name: name, type: type, shape: shape, bytes: place..<end))
      place = end
    }
    self.entries = entries
  }

  /// The bytes of the header at the start of a file, padded so that the tensors begin at a multiple of eight bytes.
  var encoded: [UInt8] {
    var members: [(String, JSONValue)] = []
    if !metadata.isEmpty {
      members.append(("__metadata__", .object(metadata.map { ($0.name, .text($0.text)) })))
    }
    for entry in entries {
      members.append(
        (
          entry.name,
          .object([
            ("dtype", .text(entry.type)), ("shape", .integers(entry.shape.sizes)),
            ("data_offsets", .integers([entry.bytes.lowerBound, entry.bytes.upperBound])),
          ])
        ))
    }
    var json = Array(JSONValue.object(members).encodedOnOneLine().utf8)
    json += [UInt8](repeating: 0x20, count: -json.count & 7)
    return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
  }

  /// Reads and checks the header of a file.
  ///
  /// - Parameters:
  ///   - bytes: The bytes of the whole file.
  ///   - path: The path of the file, for messages.
  /// - Returns: The header, and the offset at which the tensors' bytes begin.
  /// - Throws: ``DataError`` if the file has no valid header, or if the tensors do not cover each byte of the rest of
  ///   the file exactly once.
  static func read(
    _ bytes: UnsafeBufferPointer<UInt8>, _ path: String
  ) throws(DataError) -> (header: SafetensorsHeader, dataStart: Int) {
    func wrong(_ expected: String, _ found: String) -> DataError {
      DataError(
        file: path, expected: expected, found: found,
        advice: "the file is truncated, damaged or no safetensors file")
    }
    guard bytes.count >= 8 else {
      throw wrong("a safetensors file, 8 bytes or more", "\(bytes.count)")
    }
    let length = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[$1]) << (8 * UInt64($1)) }
    let most = min(mostBytes, bytes.count - 8)
    guard length <= UInt64(most) else {
      throw wrong("a header of up to \(most) bytes", "one of \(length)")
    }
    let start = 8 + Int(length)
    let text = bytes[8..<start]
    guard text.first == UInt8(ascii: "{") else {
      throw wrong("a header that begins with '{'", text.isEmpty ? "an empty one" : "another byte")
    }
    let node: JSONNode
    do {
      node = try JSONReader.read(String(decoding: text, as: UTF8.self))
    } catch {
      throw wrong("a header that is JSON", "one that \(error.reason)")
    }
    do {
      return (try SafetensorsHeader(node, dataBytes: bytes.count - start), start)
    } catch {
      throw wrong(error.expected, error.found)
    }
  }

  /// A mistake in a header: what was expected and what was found.
  private struct Mistake: Error {
    let expected: String
    let found: String
  }

  private init(_ node: JSONNode, dataBytes: Int) throws(Mistake) {
    guard case .object(let members) = node.value else {
      throw Mistake(expected: "a JSON object with a member for each tensor", found: node.summary)
    }
    var metadata: [(name: String, text: String)] = []
    var entries: [SafetensorsEntry] = []
    var names: Set<String> = []
    for (name, node) in members {
      guard names.insert(name).inserted else {
        throw Mistake(expected: "names that differ", found: "\"\(name)\" twice")
      }
      if name == "__metadata__" {
        metadata = try SafetensorsHeader.texts(node)
      } else {
        entries.append(try SafetensorsHeader.entry(name, node))
      }
    }
    entries.sort {
      ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound)
    }
    var place = 0
    for entry in entries {
      guard entry.bytes.lowerBound == place else {
        throw Mistake(
          expected: "\(entry.summary) to begin at byte \(place)",
          found: "byte \(entry.bytes.lowerBound)")
      }
      place = entry.bytes.upperBound
    }
    guard place == dataBytes else {
      throw Mistake(expected: "\(place) bytes of tensors", found: "\(dataBytes)")
    }
    self.metadata = metadata
    self.entries = entries
  }

  private static func texts(
    _ node: JSONNode
  ) throws(Mistake) -> [(name: String, text: String)] {
    // Some programs write null if there is no metadata.
    if case .null = node.value { return [] }
    guard case .object(let members) = node.value else {
      throw Mistake(expected: "metadata as a JSON object", found: node.summary)
    }
    var texts: [(name: String, text: String)] = []
    for (name, node) in members {
      guard case .text(let text) = node.value else {
        throw Mistake(expected: "a string for \"\(name)\" in the metadata", found: node.summary)
      }
      texts.append((name, text))
    }
    return texts
  }

  private static func entry(
    _ name: String, _ node: JSONNode
  ) throws(Mistake) -> SafetensorsEntry {
    let of = "of \"\(name)\""
    guard case .object(let members) = node.value else {
      throw Mistake(expected: "an object for \"\(name)\"", found: node.summary)
    }
    let fields = Dictionary(members.map { ($0.name, $0.node) }) { first, _ in first }
    guard case .text(let type)? = fields["dtype"]?.value,
      let stride = SafetensorsEntry.strides[type]
    else {
      throw Mistake(expected: "a known dtype \(of)", found: fields["dtype"]?.summary ?? "none")
    }
    let sizes = try counts(fields["shape"], "a shape \(of)")
    guard sizes.count <= Shape.mostDimensions else {
      throw Mistake(
        expected: "a shape \(of) with at most \(Shape.mostDimensions) dimensions", found: "\(sizes)"
      )
    }
    let offsets = try counts(fields["data_offsets"], "data_offsets \(of)")
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw Mistake(expected: "two ascending data_offsets \(of)", found: "\(offsets)")
    }
    // The product of a file's sizes may overflow.
    var size = stride
    for factor in sizes {
      let (product, overflows) = size.multipliedReportingOverflow(by: factor)
      guard !overflows else {
        throw Mistake(expected: "a shape \(of) that fits memory", found: "\(sizes)")
      }
      size = product
    }
    guard size == offsets[1] - offsets[0] else {
      throw Mistake(
        expected: "\(size) bytes for \"\(name)\", \(type) \(sizes)",
        found: "\(offsets[1] - offsets[0])")
    }
    return SafetensorsEntry(
      name: name, type: type, shape: Shape(sizes), bytes: offsets[0]..<offsets[1])
  }

  private static func counts(_ node: JSONNode?, _ what: String) throws(Mistake) -> [Int] {
    guard case .list(let elements)? = node?.value else {
      throw Mistake(expected: what, found: node?.summary ?? "none")
    }
    var counts: [Int] = []
    for element in elements {
      guard case .integer(let count) = element.value, count >= 0 else {
        throw Mistake(expected: "\(what) of whole numbers from 0", found: element.summary)
      }
      counts.append(count)
    }
    return counts
  }
}
