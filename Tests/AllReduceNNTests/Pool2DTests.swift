import AllReduceNN
import CKernels
import TestSupport
import XCTest

final class Pool2DTests: XCTestCase {
  private struct Case: CustomStringConvertible {
    var (height, width, channels): (Int, Int, Int)
    var kernel: Size2D
    var stride: Size2D?
    var batch = 1

    var image: Shape { [height, width, channels] }
    var description: String { "\(image), \(kernel), \(stride ?? kernel), batch \(batch)" }
  }

  private let cases = [
    Case(height: 4, width: 6, channels: 1, kernel: 2),
    Case(height: 4, width: 4, channels: 16, kernel: 2, batch: 2),
    // An edge that no window reaches.
    Case(height: 5, width: 7, channels: 19, kernel: 2),
    // Windows over each other.
    Case(height: 7, width: 7, channels: 3, kernel: 3, stride: 2, batch: 2),
    Case(height: 5, width: 6, channels: 5, kernel: Size2D(height: 3, width: 1), stride: 1),
    // Pixels between windows.
    Case(height: 6, width: 7, channels: 2, kernel: 2, stride: Size2D(height: 2, width: 3)),
    Case(height: 6, width: 5, channels: 4, kernel: Size2D(height: 6, width: 5), batch: 3),
    Case(height: 3, width: 3, channels: 2, kernel: 1, stride: 1),
  ]

  /// Numbers that differ by more than the checks' steps, so that the largest stays the largest.
  private func check(_ layer: any Layer<Double>, _ one: Case) throws -> GradientCheck {
    try GradientCheck(layer, input: one.image, batch: one.batch) { _, place in
      Double((place * 7919) % 1009) * 0.01
    }
  }

  func testGradients() throws {
    for one in cases {
      for layer in [
        MaxPool2D<Double>(kernel: one.kernel, stride: one.stride) as any Layer<Double>,
        AveragePool2D<Double>(kernel: one.kernel, stride: one.stride),
      ] {
        let worst = try check(layer, one).worst()
        XCTAssertLessThan(worst.error, 1e-8, "\(layer.summary) \(one): \(worst.place)")
      }
    }
  }

  func testOutputsAreThoseOfTheWindows() throws {
    for one in cases {
      for level in ProcessorLevel.available {
        let loops = LayerKernels(ofDouble: true, level)
        let largest = MaxPool2D<Double>(kernel: one.kernel, stride: one.stride)
        largest.loops = loops
        let mean = AveragePool2D<Double>(kernel: one.kernel, stride: one.stride)
        mean.loops = loops
        try assertPools(one, largest) { $0.max() ?? .nan }
        try assertPools(one, mean) { $0.reduce(0, +) / Double($0.count) }
      }
    }
  }

  private func assertPools(
    _ one: Case, _ layer: any Layer<Double>, line: UInt = #line, _ pool: ([Double]) -> Double
  ) throws {
    let check = try check(layer, one)
    let output = try check.network.forward(check.input)
    let stride = one.stride ?? one.kernel
    let rows = (one.height - one.kernel.height) / stride.height + 1
    let columns = (one.width - one.kernel.width) / stride.width + 1
    XCTAssertEqual(output.shape, [one.batch, rows, columns, one.channels], "\(one)", line: line)
    var next = 0
    for image in 0..<one.batch {
      for row in 0..<rows {
        for column in 0..<columns {
          for channel in 0..<one.channels {
            var window: [Double] = []
            for y in 0..<one.kernel.height {
              for x in 0..<one.kernel.width {
                let (h, w) = (row * stride.height + y, column * stride.width + x)
                window.append(
                  check.input[((image * one.height + h) * one.width + w) * one.channels + channel])
              }
            }
            XCTAssertEqual(
              output[next], pool(window), accuracy: 1e-12, "\(layer.summary) \(one)", line: line)
            next += 1
          }
        }
      }
    }
  }

  /// The same bits at all levels, 32-bit numbers, and gradients too.
  func testLevelsAgree() throws {
    for one in cases {
      let count = one.batch * one.image.count
      let input = Tensor<Float>(
        (0..<count).map { Float(($0 * 7919) % 101) / 7 }, shape: one.image.batch(of: one.batch))
      var seen: [[Float]]?
      for level in ProcessorLevel.available {
        let loops = LayerKernels(ofDouble: false, level)
        let largest = MaxPool2D<Float>(kernel: one.kernel, stride: one.stride)
        largest.loops = loops
        let mean = AveragePool2D<Float>(kernel: one.kernel, stride: one.stride)
        mean.loops = loops
        var results: [[Float]] = []
        let pass = Pass<Float>()
        for layer in [largest as any Layer<Float>, mean] {
          let output = try layer.forward(input, pass)
          let gradient = Tensor(
            (0..<output.count).map { Float($0 + 1) / 3 }, shape: output.shape)
          results.append(output.elements)
          results.append(
            try XCTUnwrap(layer.backward(gradient, pass, needsInputGradient: true)).elements)
        }
        if let seen { XCTAssertEqual(results, seen, "\(one), \(level.name)") }
        seen = results
      }
    }
  }

  func testFirstOfEqualsAndNaNsAreLargest() throws {
    for channels in [1, 16, 17] {
      let layer = MaxPool2D<Float>(kernel: 2)
      let pass = Pass<Float>()
      let pixels: [[Float]] = [[3, 5, 1, 1], [5, 4, .nan, 2]]
      // [2, 4, channels]: a window of equals, a window with a NaN.
      let input = Tensor(
        pixels.flatMap { $0.flatMap { [Float](repeating: $0, count: channels) } },
        shape: [1, 2, 4, channels])
      let output = try layer.forward(input, pass)
      for channel in 0..<channels {
        XCTAssertEqual(output[channel], 5)
        XCTAssertTrue(output[channels + channel].isNaN)
      }
      let gradient = Tensor<Float>(repeating: 1, shape: output.shape)
      let result = try XCTUnwrap(layer.backward(gradient, pass, needsInputGradient: true))
      let wanted: [[Float]] = [[0, 1, 0, 0], [0, 0, 1, 0]]
      XCTAssertEqual(
        result.elements,
        wanted.flatMap { $0.flatMap { [Float](repeating: $0, count: channels) } })
    }
  }

  func testBatchesChangeTheirSize() throws {
    for one in [cases[2], cases[3]] {
      try checkBatchSizes(
        MaxPool2D<Double>(kernel: one.kernel, stride: one.stride), input: one.image)
      try checkBatchSizes(
        AveragePool2D<Double>(kernel: one.kernel, stride: one.stride), input: one.image)
    }
  }

  func testInputsOfAnotherShapeAreAnError() {
    assertShapeError(
      MaxPool2D<Float>(kernel: 2), [784],
      "MaxPool2D 2x2 takes images of [height, width, channels], not of [784]")
    assertShapeError(
      MaxPool2D<Float>(kernel: 3, stride: 2), [28, 2, 1],
      "MaxPool2D 3x3, stride 2x2 needs images of [3, 3, channels] or more, not of [28, 2, 1]")
    assertShapeError(
      AveragePool2D<Float>(kernel: 3), [2, 28, 1],
      "AveragePool2D 3x3 needs images of [3, 3, channels] or more, not of [2, 28, 1]")
  }
}
