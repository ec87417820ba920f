import AllReduce
import AllReduceNN
import ExampleSupport
import Foundation
import XCTest

/// Networks that take over weights of files, in whatever order and under whatever names these have them.
final class WeightFileTests: TensorFileTestCase {
  /// Tensors of a file: name, type, sizes and bytes.
  private typealias Entry = (name: String, type: String, sizes: [Int], bytes: [UInt8])

  /// A convolution whose weights have one shape in either order.
  private func square() throws -> Network<Float> {
    try Network(
      Sequential(Conv2D(inputChannels: 3, outputChannels: 2, kernel: 3), BatchNorm(2)),
      input: [5, 5, 3], seed: 1)
  }

  private func write(_ metadata: String, _ entries: [Entry]) throws {
    var place = 0
    let members = entries.map { entry -> String in
      defer { place += entry.bytes.count }
      return
        "\"\(entry.name)\": {\"dtype\": \"\(entry.type)\", \"shape\": \(entry.sizes), \"data_offsets\": "
        + "[\(place), \(place + entry.bytes.count)]}"
    }
    let header = "{\"__metadata__\": {\(metadata)}, \(members.joined(separator: ", "))}"
    try Data(file(header, entries.flatMap(\.bytes))).write(to: URL(fileURLWithPath: path))
  }

  private func entry(_ name: String, _ sizes: [Int], from first: Int = 0) -> Entry {
    let numbers = (0..<sizes.reduce(1, *)).map { Float(first + $0) }
    return (name, "F32", sizes, numbers.withUnsafeBytes { Array($0) })
  }

  /// 0, 1, 2 ... as the network's tensors, with other words for some.
  private func entries(
    of network: Network<Float>, _ words: [String: String] = [:]
  ) -> [Entry] {
    var first = 0
    return network.stateTensors.map { tensor in
      defer { first += tensor.shape.count }
      return entry(words[tensor.name] ?? tensor.name, tensor.shape.sizes, from: first)
    }
  }

  private func numbers(_ network: Network<Float>) -> [Float] {
    network.stateTensors.flatMap { $0.parts.flatMap { Array($0.values) } }
  }

  private func assertRefused(
    _ network: Network<Float>, _ parts: [String], names: [String: String] = [:],
    channelsFirst: Bool? = nil, line: UInt = #line
  ) {
    let before = numbers(network)
    XCTAssertThrowsError(
      try network.load(weights: path, names: names, channelsFirst: channelsFirst), line: line
    ) { error in
      for part in [path] + parts {
        XCTAssertTrue("\(error)".contains(part), "\(part) in \(error)", line: line)
      }
      XCTAssertFalse("\(error)".contains("\n"), line: line)
    }
    XCTAssertEqual(numbers(network), before, line: line)
  }

  private let torch = ["1.runningMean": "1.running_mean", "1.runningVariance": "1.running_var"]

  /// The numbers 0 to 53 of [2, 3, 3, 3] with channels first, in the order in which they lie with channels last.
  private var turned: [Float] {
    (0..<54).map { place in
      let (filter, position, channel) = (place / 27, place % 27 / 3, place % 3)
      return Float(filter * 27 + channel * 9 + position)
    }
  }

  func testAnOrderThatNothingTellsIsRefused() throws {
    let network = try square()
    try write("", entries(of: network))
    assertRefused(
      network, ["no layout in the metadata", "\"0.weight\" [2, 3, 3, 3]", "--weights-layout"])
    try write("\"layout\": \"sideways\"", entries(of: network))
    assertRefused(network, ["\"sideways\"", "channelsFirst"])
    try write("\"layout\": \"channelsLast\"", entries(of: network))
    assertRefused(network, ["channelsFirst", "as was asked for"], channelsFirst: true)
    // A state is in this library's order, whatever else it says.
    try write("\"format\": \"allreduce.checkpoint\"", entries(of: network))
    assertRefused(network, ["as was asked for"], channelsFirst: true)
  }

  func testChannelsThatComeFirstAreTurnedAround() throws {
    for (metadata, asked) in [
      ("\"format\": \"pt\"", nil), ("\"layout\": \"channelsFirst\"", nil), ("", true),
    ] as [(String, Bool?)] {
      let network = try square()
      try write(
        metadata,
        entries(of: network, torch) + [
          ("1.num_batches_tracked", "I64", [], [UInt8](repeating: 0, count: 8))
        ])
      try network.load(weights: path, channelsFirst: asked)
      XCTAssertEqual(numbers(network), turned + (54..<64).map(Float.init), metadata)
    }
  }

  func testWeightsOfThisOrderAreTakenOver() throws {
    // States of version 0.1 do not say their order.
    for metadata in [
      "\"format\": \"pt\", \"layout\": \"channelsLast\"", "\"format\": \"allreduce.checkpoint\"",
    ] {
      let network = try square()
      try write(
        metadata, entries(of: network) + [entry("optimizer/momentum/0.weight", [2, 3, 3, 3])])
      try network.load(weights: path)
      XCTAssertEqual(numbers(network), (0..<64).map(Float.init))
    }
  }

  func testConvolutionsShowTheOrderOfTheWholeFile() throws {
    func network() throws -> Network<Float> {
      try Network(
        Sequential(
          Conv2D(inputChannels: 3, outputChannels: 2, kernel: 2), Flatten(), BatchNorm(8), ReLU(),
          Dense(8, 3), Dense(3, 2)), input: [3, 3, 3], seed: 1)
    }
    let first = try network()
    let shapes = Dictionary(
      uniqueKeysWithValues: first.stateTensors.map { ($0.name, $0.shape.sizes) })
    let own = shapes.keys.sorted().map { entry($0, shapes[$0]!) }
    try write("", own)
    try first.load(weights: path)
    let tensors = Dictionary(
      uniqueKeysWithValues: first.stateTensors.map { ($0.name, Array($0.parts[0].values)) })
    XCTAssertEqual(tensors["4.weight"], (0..<24).map(Float.init))
    // The same with channels first: [2, 3, 2, 2].
    let second = try network()
    try write("", own.map { $0.name == "0.weight" ? entry("0.weight", [2, 3, 2, 2]) : $0 })
    try second.load(weights: path)
    let turned = Dictionary(
      uniqueKeysWithValues: second.stateTensors.map { ($0.name, Array($0.parts[0].values)) })
    XCTAssertEqual(Array(turned["0.weight"]!.prefix(6)), [0, 4, 8, 1, 5, 9])
    // 2 channels of 2 x 2 pixels: what is flattened, and what is computed of it one by one.
    let order: [Float] = [0, 4, 1, 5, 2, 6, 3, 7]
    for name in ["2.weight", "2.bias", "2.runningMean", "2.runningVariance"] {
      XCTAssertEqual(turned[name], order, name)
    }
    XCTAssertEqual(turned["4.weight"], (0..<3).flatMap { row in order.map { 8 * Float(row) + $0 } })
    XCTAssertEqual(turned["5.weight"], (0..<6).map(Float.init))
    XCTAssertEqual(turned["4.bias"], [0, 1, 2])
    // What goes out comes in again.
    try second.export(weights: path)
    let third = try network()
    try third.load(weights: path)
    XCTAssertEqual(numbers(third), numbers(second))
    let file = try SafetensorsFile(path: path)
    XCTAssertEqual(
      Set(file.entries.map(\.name)),
      Set([
        "0.weight", "0.bias", "2.weight", "2.bias", "2.running_mean", "2.running_var",
        "2.num_batches_tracked", "4.weight", "4.bias", "5.weight", "5.bias",
      ]))
    XCTAssertEqual(file["0.weight"]?.shape, [2, 3, 2, 2])
    XCTAssertEqual(file["2.num_batches_tracked"]?.type, "I64")
  }

  func testANetworkOfPyTorchGivesItsOutputs() throws {
    try XCTUnwrap(Data(base64Encoded: TorchFixture.weights)).write(to: URL(fileURLWithPath: path))
    let network = try Network<Float>(
      Sequential(
        Conv2D(inputChannels: 3, outputChannels: 2, kernel: 2), BatchNorm(2), ReLU(), Flatten(),
        BatchNorm(8), Dense(8, 3)), input: [3, 3, 3], seed: 1)
    try network.load(weights: path)
    let inputs = (0..<54).map { Float(-1 + 2 * Double($0) / 53) }
    let outputs = try network.predict(Tensor(inputs, shape: [2, 3, 3, 3])).elements
    XCTAssertEqual(outputs.count, TorchFixture.outputs.count)
    for (own, torch) in zip(outputs, TorchFixture.outputs) {
      XCTAssertEqual(own, torch, accuracy: 1e-5 * max(abs(torch), 0.1))
    }
  }

  func testEveryTypeIsRead() throws {
    let values: [Float] = [1, -0.5, 65504, 0]
    for (type, bytes) in [
      ("F32", values.withUnsafeBytes { Array($0) }),
      ("F64", values.map(Double.init).withUnsafeBytes { Array($0) }),
      ("F16", [0x00, 0x3C, 0x00, 0xB8, 0xFF, 0x7B, 0, 0]),
      ("BF16", [0x80, 0x3F, 0x00, 0xBF, 0x80, 0x47, 0, 0]),
    ] {
      let expected: [Float] = type == "BF16" ? [1, -0.5, 65536, 0] : values
      try write("\"format\": \"pt\"", [("0.weight", type, [2, 2], bytes)])
      let network = try Network(
        Sequential<Float>(Dense(inputs: 2, outputs: 2, bias: false)), input: [2])
      try network.load(weights: path)
      XCTAssertEqual(numbers(network), expected, type)
      let wide = try Network(
        Sequential<Double>(Dense(inputs: 2, outputs: 2, bias: false)), input: [2])
      try wide.load(weights: path)
      XCTAssertEqual(Array(wide.parameters[0].values.elements), expected.map(Double.init), type)
    }
    try write("", [("0.weight", "I32", [2, 2], [UInt8](repeating: 0, count: 16))])
    assertRefused(
      try Network(Sequential(Dense(inputs: 2, outputs: 2, bias: false)), input: [2]),
      ["F32, F64, F16 or BF16", "I32"])
  }

  func testNamesAreMappedAndTheNearestAreNamed() throws {
    let network = try Network(Sequential<Float>(Dense(3, 2), Dense(2, 2)), input: [3])
    let entries = [
      entry("encoder.fc1.weight", [2, 3]), entry("encoder.fc1.bias", [2]),
      entry("head.kernel", [2, 2]), entry("head.bias", [2]),
    ]
    try write("", entries)
    assertRefused(
      network, ["\"0.weight\" of [2, 3]", "nearest", "\"encoder.fc1.weight\" F32 [2, 3]"])
    let names = ["0": "encoder.fc1", "1": "head", "1.weight": "head.kernel"]
    try network.load(weights: path, names: names)
    XCTAssertEqual(numbers(network), [0, 1, 2, 3, 4, 5, 0, 1, 0, 1, 2, 3, 0, 1])
    try write("", entries + [entry("tail.bias", [2])])
    assertRefused(network, ["only the 4 tensors", "\"tail.bias\""], names: names)
    try write("", entries.dropLast() + [entry("head.bias", [3])])
    assertRefused(network, ["\"head.bias\" of [2]", "[3]"], names: names)
  }

  func testALayerOfOnesOwnIsNotGuessed() throws {
    let network = try Network(
      Sequential(Flatten(), Scale(12), Dense(12, 2)), input: [2, 2, 3], seed: 1)
    try write("\"format\": \"pt\"", entries(of: network))
    assertRefused(network, ["\"1.scale\"", "a layer of your own"])
    try write("\"layout\": \"channelsLast\"", entries(of: network))
    try network.load(weights: path)
  }

  /// torchvision's state_dict of AlexNet and VGG-16: names and sizes.
  func testNetworksOfTorchvisionAreFound() throws {
    let convolutions = [
      (64, 3, 11, 0), (192, 64, 5, 3), (384, 192, 3, 6), (256, 384, 3, 8), (256, 256, 3, 10),
    ]
    let alexnet =
      "224x224x3,conv:64x11/4+2,relu,pool:3/2,conv:192x5+2,relu,pool:3/2,conv:384x3+1,relu,"
      + "conv:256x3+1,relu,conv:256x3+1,relu,pool:3/2,flatten,dropout:0.5,4096,relu,dropout:0.5,4096,"
      + "relu,1000"
    try find(
      alexnet, convolutions, [(4096, 9216, 1), (4096, 4096, 4), (1000, 4096, 6)],
      dense: ["15", "18", "20"])
    var (words, list, place, channels) = ("224x224x3", [(Int, Int, Int, Int)](), 0, 3)
    for block in [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]] {
      for filters in block {
        words += ",conv:\(filters)x3+1,relu"
        list.append((filters, channels, 3, place))
        (place, channels) = (place + 2, filters)
      }
      words += ",pool:2"
      place += 1
    }
    words += ",flatten,4096,relu,dropout:0.5,4096,relu,dropout:0.5,1000"
    try find(
      words, list, [(4096, 25088, 0), (4096, 4096, 3), (1000, 4096, 6)], dense: ["32", "35", "38"])
  }

  private func find(
    _ words: String, _ convolutions: [(Int, Int, Int, Int)], _ layers: [(Int, Int, Int)],
    dense: [String]
  ) throws {
    var (names, sizes) = ([String: String](), [(String, [Int])]())
    for (filters, channels, size, place) in convolutions {
      names["\(place)"] = "features.\(place)"
      sizes.append(("features.\(place).weight", [filters, channels, size, size]))
      sizes.append(("features.\(place).bias", [filters]))
    }
    for ((outputs, inputs, place), own) in zip(layers, dense) {
      names[own] = "classifier.\(place)"
      sizes.append(("classifier.\(place).weight", [outputs, inputs]))
      sizes.append(("classifier.\(place).bias", [outputs]))
    }
    var place = 0
    let members = sizes.map { name, sizes -> String in
      let end = place + 4 * sizes.reduce(1, *)
      defer { place = end }
      return
        "\"\(name)\": {\"dtype\": \"F32\", \"shape\": \(sizes), \"data_offsets\": [\(place), \(end)]}"
    }
    let header = file("{\(members.joined(separator: ", "))}", [])
    try Data(header).write(to: URL(fileURLWithPath: path))
    // The weights are a hole in the file.
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try handle.truncate(atOffset: UInt64(header.count + place))
    try handle.close()
    let root = Sequential<Float>(try NetworkWords(words).layers(for: [224, 224, 3]))
    _ = try WeightFile(path, for: root, input: [224, 224, 3], names: names)
    names[dense[0]] = nil
    XCTAssertThrowsError(
      try WeightFile(path, for: root, input: [224, 224, 3], names: names)
    ) {
      for part in ["\"\(dense[0]).weight\"", "nearest", "\"classifier.\(layers[0].2).weight\""] {
        XCTAssertTrue("\($0)".contains(part), "\(part) in \($0)")
      }
    }
  }
}

/// A layer that this library does not know.
private final class Scale: Layer {
  let scale: Parameter<Float>
  init(_ count: Int) {
    scale = Parameter("scale", shape: [count], initialization: .constant(1), decays: false)
  }
  var summary: String { "Scale" }
  var parameters: [Parameter<Float>] { [scale] }
  func outputShape(for input: Shape) -> Shape { input }
  func forward(_ input: Tensor<Float>, _ pass: Pass<Float>) throws -> Tensor<Float> { input }
  func backward(
    _ gradient: Tensor<Float>, _ pass: Pass<Float>, needsInputGradient: Bool
  ) throws -> Tensor<Float>? { gradient }
}
