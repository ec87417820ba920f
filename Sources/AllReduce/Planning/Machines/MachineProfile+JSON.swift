package import AllReduceMPI
internal import AllReduceNN

extension MachineProfile {
  /// The version of the file's format.
  static let version = 1

  /// Creates a profile from JSON.
  ///
  /// - Parameters:
  ///   - json: The text that ``json`` returns; `docs/schemas.md` describes its form.
  ///   - file: The file's name, for error messages.
  /// - Throws: ``ProfileError`` with the line, and the figure that is missing, negative, or descending.
  package init(json: String, file: String) throws(ProfileError) {
    do throws(JSONReader.Mistake) {
      let root = try JSONReader.read(json, version: MachineProfile.version)
      try root.allow([
        "version", "machine", "ranks_per_host", "cores", "host", "network", "compute", "overlap",
      ])
      let list = try root.member("ranks_per_host")
      var ranksPerHost: [Int] = []
      for node in try list.elements("ranks_per_host") {
        ranksPerHost.append(try node.count("ranks_per_host"))
      }
      if ranksPerHost.isEmpty { throw list.mistake("has no host in ranks_per_host") }
      let all = ranksPerHost.reduce(0) { min($0, MachineProfile.mostRanks) + $1 }
      guard all <= MachineProfile.mostRanks else {
        throw list.mistake("has more than \(MachineProfile.mostRanks) ranks in ranks_per_host")
      }
      if ranksPerHost.count > 1, root.optional("network") == nil {
        throw root.mistake("has \(ranksPerHost.count) hosts in ranks_per_host, but no network")
      }
      var overlap = Overlap()
      if let node = root.optional("overlap") {
        try node.allow(["compute_slow_down", "link_slow_down"])
        overlap = Overlap(
          computeSlowDown: try node.figure("compute_slow_down", from: 1),
          linkSlowDown: try node.figure("link_slow_down", from: 1))
      }
      self.init(
        ranksPerHost: ranksPerHost, cores: try root.member("cores").count("cores"),
        machine: try root.optional("machine")?.text("machine") ?? "",
        host: try Level(root.member("host"), "host"),
        network: try root.optional("network").map { node throws(JSONReader.Mistake) in
          try Level(node, "network")
        }, compute: try ComputeRates(root.member("compute")), overlap: overlap)
    } catch {
      throw ProfileError("\(file): line \(error.line) \(error.reason).")
    }
  }

  /// Reads a profile on rank 0 and broadcasts it to all ranks. Collective.
  ///
  /// - Throws: ``AgreedError`` on every rank, with exit code 65, if the file cannot be read or is not a profile.
  package init(file: String, over world: Communicator) throws {
    let text = try world.sharedText(of: file)
    self = try world.agreeing { try MachineProfile(json: text, file: file) }
  }

  /// The profile as JSON, from which ``init(json:file:)`` creates the same profile.
  package var json: String {
    var members: [(String, JSONValue)] = [
      ("version", .integer(MachineProfile.version)), ("machine", .text(machine)),
      ("ranks_per_host", .integers(ranksPerHost)), ("cores", .integer(cores)),
      ("host", host.json),
    ]
    if let network { members.append(("network", network.json)) }
    members.append(("compute", compute.json))
    members.append(
      (
        "overlap",
        .object([
          ("compute_slow_down", .number(overlap.computeSlowDown)),
          ("link_slow_down", .number(overlap.linkSlowDown)),
        ])
      ))
    return JSONValue.object(members).encoded()
  }
}

extension MachineProfile.Level {
  fileprivate init(_ node: JSONNode, _ name: String) throws(JSONReader.Mistake) {
    let kinds = ExchangeKind.allCases
    try node.allow(["latency", "bytes_per_second", "ranks"] + kinds.map(\.rawValue))
    var curves: [ExchangeKind: TimeCurve] = [:]
    for kind in kinds {
      guard let list = node.optional(kind.rawValue) else {
        throw node.mistake("has no \(kind.rawValue) in \(name)")
      }
      var points: [TimeCurve.Point] = []
      for point in try list.elements(kind.rawValue) {
        let pair = try point.figures(kind.rawValue, count: 2)
        points.append(TimeCurve.Point(bytes: pair[0], seconds: pair[1]))
      }
      if let fault = TimeCurve.fault(in: points) {
        throw list.mistake("has a \(kind.rawValue) of the \(name) that \(fault)")
      }
      curves[kind] = TimeCurve(points)
    }
    self.init(
      latency: try node.figure("latency"),
      bytesPerSecond: try node.figure("bytes_per_second", isAboveZero: true),
      ranks: try node.member("ranks").count("ranks"), curves: curves)
  }

  fileprivate var json: JSONValue {
    .object(
      [
        ("latency", .number(latency)), ("bytes_per_second", .number(bytesPerSecond)),
        ("ranks", .integer(ranks)),
      ]
        + ExchangeKind.allCases.compactMap { kind in
          curves[kind].map { curve in
            (kind.rawValue, .list(curve.points.map { .numbers([$0.bytes, $0.seconds]) }))
          }
        })
  }
}

extension ComputeRates {
  fileprivate init(_ node: JSONNode) throws(JSONReader.Mistake) {
    try node.allow([
      "operations_per_second", "convolution_operations_per_second", "memory_bytes_per_second",
      "layer_seconds", "products", "layers",
    ])
    var products: [Product] = []
    for row in try node.optional("products")?.elements("products") ?? [] {
      let figures = try row.figures("products", count: 6)
      guard figures[..<3].allSatisfy({ $0 >= 1 && $0 <= 1e9 }) else {
        throw row.mistake("has a product without examples, inputs or outputs")
      }
      products.append(
        Product(
          rows: Int(figures[0]), inputs: Int(figures[1]), outputs: Int(figures[2]),
          forward: figures[3], weightGradient: figures[4], inputGradient: figures[5]))
    }
    var layers: [LayerTime] = []
    for layer in try node.optional("layers")?.elements("layers") ?? [] {
      try layer.allow([
        "layer", "input", "rows", "hosts", "forward", "backward", "backward_without_input",
      ])
      var input: [Int] = []
      for size in try layer.member("input").elements("input") {
        input.append(try size.count("input"))
      }
      guard input.count < Shape.mostDimensions, Shape.fits(input) else {
        throw layer.mistake("has an input of \(input), which is more than any layer's")
      }
      layers.append(
        LayerTime(
          layer: try layer.member("layer").text("layer"), input: input,
          rows: try layer.member("rows").count("rows"),
          hosts: try layer.optional("hosts")?.count("hosts"),
          forward: try layer.figure("forward"), backward: try layer.figure("backward"),
          backwardWithoutInput: try layer.figure("backward_without_input")))
    }
    let rate = try node.figure("operations_per_second", isAboveZero: true)
    self.init(
      operationsPerSecond: rate,
      convolutionOperationsPerSecond: node.optional("convolution_operations_per_second") == nil
        ? rate : try node.figure("convolution_operations_per_second", isAboveZero: true),
      memoryBytesPerSecond: try node.figure("memory_bytes_per_second", isAboveZero: true),
      layerSeconds: node.optional("layer_seconds") == nil ? 0 : try node.figure("layer_seconds"),
      products: products, layers: layers)
  }

  fileprivate var json: JSONValue {
    .object([
      ("operations_per_second", .number(operationsPerSecond)),
      ("convolution_operations_per_second", .number(convolutionOperationsPerSecond)),
      ("memory_bytes_per_second", .number(memoryBytesPerSecond)),
      ("layer_seconds", .number(layerSeconds)),
      (
        "products",
        .list(
          products.map {
            .numbers([
              Double($0.rows), Double($0.inputs), Double($0.outputs), $0.forward,
              $0.weightGradient, $0.inputGradient,
            ])
          })
      ),
      (
        "layers",
        .list(
          layers.map {
            .object(
              [
                ("layer", .text($0.layer)), ("input", .integers($0.input)),
                ("rows", .integer($0.rows)),
              ] + ($0.hosts.map { [("hosts", .integer($0))] } ?? []) + [
                ("forward", .number($0.forward)), ("backward", .number($0.backward)),
                ("backward_without_input", .number($0.backwardWithoutInput)),
              ])
          })
      ),
    ])
  }
}

extension JSONNode {
  /// Returns a member that is a finite number, at least `least`, and above 0 if `isAboveZero`.
  fileprivate func figure(
    _ name: String, from least: Double = 0, isAboveZero: Bool = false
  ) throws(JSONReader.Mistake) -> Double {
    let node = try member(name)
    guard let value = node.finite, value >= least, !isAboveZero || value > 0 else {
      throw node.mistake(
        "has \(node.summary) for \(name), which must be a number "
          + (isAboveZero ? "above 0" : "from \(least)"))
    }
    return value
  }

  /// Returns the elements of this list, which must be `count` finite numbers that are not negative.
  fileprivate func figures(_ name: String, count: Int) throws(JSONReader.Mistake) -> [Double] {
    let values = try elements(name)
    guard values.count == count else {
      throw mistake("has \(values.count) numbers in a row of \(name), which must have \(count)")
    }
    var numbers: [Double] = []
    for node in values {
      guard let value = node.finite, value >= 0 else {
        throw node.mistake("has \(node.summary) in \(name), which must be a number from 0")
      }
      numbers.append(value)
    }
    return numbers
  }

  private var finite: Double? {
    switch value {
    case .integer(let value): Double(value)
    case .number(let value) where value.isFinite: value
    default: nil
    }
  }
}
