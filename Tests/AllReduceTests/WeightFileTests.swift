import AllReduce
import AllReduceNN
import Foundation
import XCTest

/// Networks that take over weights of files, which say how these lie, or are refused.
final class WeightFileTests: TensorFileTestCase {
  /// A convolution whose weights have one shape in either order.
  private func network() throws -> Network<Float> {
    try Network(
      Sequential(Conv2D(inputChannels: 3, outputChannels: 2, kernel: 3), BatchNorm(2)),
      input: [5, 5, 3], seed: 1)
  }

  /// Writes 0, 1, 2 ... as the network's tensors, under members of metadata.
  private func write(
    _ metadata: String, leavingOut: Int = 0, besides more: [(String, [Int])] = []
  ) throws -> [Float] {
    let own = try network().stateTensors.map { ($0.name, $0.shape.sizes) }
    var place = 0
    let members = (own.dropLast(leavingOut) + more).map { name, sizes in
      defer { place += 4 * sizes.reduce(1, *) }
      let end = place + 4 * sizes.reduce(1, *)
      return
        "\"\(name)\": {\"dtype\": \"F32\", \"shape\": \(sizes), \"data_offsets\": [\(place), \(end)]}"
    }
    let header = "{\"__metadata__\": {\(metadata)}, \(members.joined(separator: ", "))}"
    let numbers = (0..<place / 4).map(Float.init)
    let bytes = numbers.withUnsafeBytes { file(header, Array($0)) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return numbers
  }

  private func numbers(_ network: Network<Float>) -> [Float] {
    network.stateTensors.flatMap { $0.parts.flatMap { Array($0.values) } }
  }

  private func assertRefused(_ parts: [String], line: UInt = #line) throws {
    let network = try network()
    let before = numbers(network)
    XCTAssertThrowsError(try network.load(weights: path), line: line) { error in
      for part in [path] + parts {
        XCTAssertTrue("\(error)".contains(part), "\(part) in \(error)", line: line)
      }
    }
    XCTAssertEqual(numbers(network), before, line: line)
  }

  func testWeightsOfAnUnknownOrderAreRefused() throws {
    _ = try write("\"format\": \"pt\"")
    try assertRefused(["no layout", "\"pt\"", "channelsLast", "[filters, height, width, channels]"])
    _ = try write("")
    try assertRefused(["no layout", "channelsLast"])
    _ = try write("\"layout\": \"channelsFirst\"")
    try assertRefused(["\"channelsFirst\"", "channelsLast"])
    _ = try write("\"format\": \"allreduce.checkpoint\", \"layout\": \"channelsFirst\"")
    try assertRefused(["\"channelsFirst\"", "channelsLast"])
  }

  func testWeightsOfThisOrderAreTakenOver() throws {
    // States of version 0.1 do not say their order.
    for metadata in [
      "\"format\": \"pt\", \"layout\": \"channelsLast\"", "\"format\": \"allreduce.checkpoint\"",
    ] {
      let written = try write(metadata, besides: [("optimizer/momentum/0.weight", [2, 3, 3, 3])])
      let network = try network()
      try network.load(weights: path)
      XCTAssertEqual(numbers(network), Array(written.dropLast(54)))
    }
  }

  func testWeightsOfAnotherNetworkAreRefused() throws {
    let layout = "\"layout\": \"channelsLast\""
    _ = try write(layout, leavingOut: 1)
    try assertRefused(["\"1.runningVariance\" F32 [2]", "no such tensor"])
    _ = try write(layout, besides: [("2.weight", [4])])
    try assertRefused(["only the 6 tensors", "\"2.weight\""])
  }
}
