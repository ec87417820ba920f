public import AllReduceMPI
internal import AllReduceNN

extension Plan {
  /// The version of the plan file format.
  static let version = 1

  /// Creates a plan from JSON text.
  ///
  /// - Parameters:
  ///   - json: The text, in the form of ``json``. All members but version and layers may be left out, and the
  ///     placements of layers that work on single elements. `docs/schemas.md` describes the form.
  ///   - file: The name of the file, for errors.
  /// - Throws: ``PlanError`` with the line and what is wrong there.
  package init(json: String, file: String) throws(PlanError) {
    do throws(JSONReader.Mistake) {
      let root = try JSONReader.read(json, version: Plan.version)
      try root.allow([
        "version", "grid", "layers", "conversions", "update", "wire_format", "compression",
        "overlap",
        "bucket_bytes", "meet",
      ])
      self.init(layers: .listed(try Plan.placements(root.member("layers"))))
      if let node = root.optional("grid") {
        try node.allow(["data", "model"])
        grid = GridShape(
          data: try node.member("data").count("data"),
          model: try node.member("model").count("model"))
      }
      for node in try root.optional("conversions")?.elements("conversions") ?? [] {
        try node.allow(["before", "run", "update"])
        conversions.append(
          ConversionRun(
            before: try node.member("before").text("before"),
            order: try node.member("run").choice("run"),
            update: try node.optional("update")?.choice("update") ?? .step))
      }
      update = try root.optional("update")?.choice("update")
      if let node = root.optional("wire_format") {
        let name = try node.text("wire_format")
        guard let format = WireFormat.allCases.first(where: { $0.description == name }) else {
          throw node.mistake(
            "has \"\(name)\" for wire_format, which must be full, bfloat16 or float16")
        }
        compression = WholeGradient(as: format)
      }
      if let node = root.optional("compression") {
        let name = try node.text("compression")
        guard let found = Plan.compression(named: name) else {
          throw node.mistake(
            "has \"\(name)\" for compression, which must be none, bfloat16, float16, topK:FRACTION or "
              + "powerSGD:RANK")
        }
        compression = found
      }
      overlap = try root.optional("overlap")?.boolean("overlap") ?? true
      bucketBytes = try root.optional("bucket_bytes")?.count("bucket_bytes")
      if let node = root.optional("meet") { meeting = try Meeting(node) }
    } catch {
      throw PlanError("\(file): line \(error.line) \(error.reason).", exitCode: 65)
    }
  }

  private static func placements(
    _ list: JSONNode
  ) throws(JSONReader.Mistake) -> [String: Placement] {
    var placements: [String: Placement] = [:]
    for node in try list.elements("layers") {
      try node.allow(["layer", "placement"])
      let path = try node.member("layer").text("layer")
      if placements[path] != nil { throw node.mistake("places layer \(path) a second time") }
      placements[path] = try node.member("placement").choice("placement")
    }
    return placements
  }

  private static func compression(named name: String) -> (any GradientCompression)? {
    let whole = WireFormat.allCases.map { WholeGradient(as: $0) }
    if let found = whole.first(where: { $0.name == name }) { return found }
    let words = name.split(separator: ":", maxSplits: 1).map(String.init)
    guard words.count == 2 else { return nil }
    if words[0] == "topK", let fraction = Double(words[1]), TopK.fractions(fraction) {
      return .topK(fraction)
    }
    if words[0] == "powerSGD", let rank = Int(words[1]), PowerSGD.ranks.contains(rank) {
      return .powerSGD(rank)
    }
    return nil
  }

  /// The plan as JSON text. Reading the text gives the same plan if the placements are listed by layer. Placements by
  /// name, such as those of ``dataParallel``, are left out, because they are known only with a network.
  public var json: String { jsonValue.encoded() }

  /// The plan as a JSON value, which ``json`` encodes.
  package var jsonValue: JSONValue {
    var members: [(String, JSONValue)] = [("version", .integer(Plan.version))]
    if let grid {
      members.append(
        ("grid", .object([("data", .integer(grid.data)), ("model", .integer(grid.model))])))
    }
    if case .listed(let placements) = layers {
      members.append(
        (
          "layers",
          .list(
            placements.sorted { Plan.isBefore($0.key, $1.key) }.map {
              .object([("layer", .text($0.key)), ("placement", .text($0.value.rawValue))])
            })
        ))
    }
    let runs = conversions.filter { $0.before != nil }
    if !runs.isEmpty {
      members.append(
        (
          "conversions",
          .list(
            runs.map {
              .object([
                ("before", .text($0.before ?? "")), ("run", .text($0.order.rawValue)),
                ("update", .text($0.update.rawValue)),
              ])
            })
        ))
    }
    if let update { members.append(("update", .text(update.rawValue))) }
    if compression is any PartialCompression {
      members.append(("compression", .text(compression.name)))
    } else {
      members.append(("wire_format", .text("\(compression.wireFormat)")))
    }
    if !overlap { members.append(("overlap", .boolean(false))) }
    if let bucketBytes { members.append(("bucket_bytes", .integer(bucketBytes))) }
    if meeting != Meeting() { members.append(("meet", meeting.json)) }
    return JSONValue.object(members)
  }

  /// Whether the layer at path `a` comes before the layer at path `b` in a network; places are compared as numbers.
  static func isBefore(_ a: String, _ b: String) -> Bool {
    let (left, right) = (a.split(separator: "."), b.split(separator: "."))
    for (one, other) in zip(left, right) where one != other {
      if let one = Int(one), let other = Int(other) { return one < other }
      return one < other
    }
    return left.count < right.count
  }
}

extension Plan {
  /// Creates a plan from a JSON file, which rank 0 reads and broadcasts to all ranks. Collective.
  ///
  /// - Throws: ``AgreedError`` on every rank, with exit code 65, if the file cannot be read or is not a valid plan.
  public init(file: String, over world: Communicator) throws {
    let text = try world.sharedText(of: file)
    self = try world.agreeing { try Plan(json: text, file: file) }
  }
}

extension Communicator {
  /// Reads the text of a file on rank 0 and broadcasts it to all ranks. Collective.
  ///
  /// - Throws: ``AgreedError`` on every rank if the file cannot be read; ``MPIError``.
  func sharedText(of file: String) throws -> String {
    try broadcast(try agreeing { isRoot ? try FileBytes.text(of: file) : "" }, from: 0)
  }
}
