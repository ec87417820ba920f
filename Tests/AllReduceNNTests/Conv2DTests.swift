import AllReduceNN
import CKernels
import TestSupport
import XCTest

final class Conv2DTests: XCTestCase {
  private struct Case: CustomStringConvertible {
    var (input, output): (Int, Int)
    var (height, width): (Int, Int)
    var kernel: Size2D
    var stride: Size2D = 1
    var padding: Size2D = 0
    var batch = 1
    var bias = true

    var image: Shape { [height, width, input] }

    func layer<Scalar>(_: Scalar.Type = Scalar.self) -> Conv2D<Scalar> {
      Conv2D(
        inputChannels: input, outputChannels: output, kernel: kernel, stride: stride,
        padding: padding, bias: bias)
    }

    var description: String { "\(layer(Float.self).summary) of \(image), batch \(batch)" }
  }

  private let cases = [
    Case(input: 1, output: 1, height: 3, width: 3, kernel: 1),
    Case(input: 1, output: 2, height: 5, width: 4, kernel: 3, padding: 1, batch: 2),
    Case(input: 2, output: 3, height: 6, width: 5, kernel: 3, stride: 2, padding: 1, batch: 2),
    Case(
      input: 3, output: 2, height: 7, width: 8, kernel: Size2D(height: 2, width: 3),
      stride: Size2D(height: 3, width: 2), padding: Size2D(height: 0, width: 2)),
    Case(input: 2, output: 17, height: 4, width: 5, kernel: 3, padding: 2, bias: false),
    // Pixels that no window reaches, and windows that reach no pixel.
    Case(input: 2, output: 2, height: 5, width: 6, kernel: 1, stride: 2, batch: 2),
    Case(input: 1, output: 1, height: 4, width: 4, kernel: 2, stride: 3, padding: 2),
    Case(input: 2, output: 2, height: 3, width: 3, kernel: 1, stride: 4, padding: 1),
    Case(
      input: 2, output: 2, height: 6, width: 6, kernel: Size2D(height: 4, width: 1),
      stride: Size2D(height: 1, width: 3), padding: Size2D(height: 2, width: 0), batch: 3),
    Case(input: 18, output: 3, height: 3, width: 3, kernel: 2, padding: 1),
    Case(input: 1, output: 66, height: 3, width: 4, kernel: 2),
    Case(input: 1, output: 1, height: 1, width: 1, kernel: 5, padding: 2),
  ]

  func testGradients() throws {
    for one in cases {
      let layer = one.layer(Double.self)
      XCTAssertEqual(layer.parameters.map(\.name), one.bias ? ["weight", "bias"] : ["weight"])
      let check = try GradientCheck(layer, input: one.image, batch: one.batch)
      let worst = try check.worst()
      XCTAssertLessThan(worst.error, 1e-8, "\(one): \(worst.place)")
    }
  }

  func testOutputsAreSumsOverWindows() throws {
    for one in cases {
      for level in ProcessorLevel.available {
        let loops = LayerKernels(ofDouble: true, level)
        let layer = one.layer(Double.self)
        layer.loops = loops
        let check = try GradientCheck(layer, input: one.image, batch: one.batch)
        let output = try check.network.forward(check.input)
        let wanted = convolution(check.input, layer)
        XCTAssertEqual(output.shape, wanted.shape, "\(one)")
        for (value, wanted) in zip(output.elements, wanted.elements) {
          XCTAssertEqual(value, wanted, accuracy: 1e-12, "\(one), \(level.name)")
        }
      }
    }
  }

  /// 32-bit loops against the checked 64-bit ones, in panels and parts of them; equal bits where each
  /// product and its addition are rounded once.
  func testLevelsAgree() throws {
    let more = [
      Case(input: 33, output: 130, height: 5, width: 6, kernel: 3, padding: 1, batch: 2),
      Case(input: 70, output: 48, height: 4, width: 5, kernel: 2, stride: 2, padding: 1),
    ]
    for one in cases + more {
      let wanted = try GradientCheck(one.layer(Double.self), input: one.image, batch: one.batch)
      var gradients = try wanted.computed()
      gradients.append(("output", try wanted.network.forward(wanted.input).elements))
      var fused: [[Float]]?
      for level in ProcessorLevel.available {
        let loops = LayerKernels(ofDouble: false, level)
        let layer: Conv2D<Float> = one.layer()
        layer.loops = loops
        let results = try floatResults(like: wanted, layer)
        for (result, gradient) in zip(results, gradients) {
          let scale = gradient.values.reduce(1) { max($0, abs($1)) }
          for (value, wanted) in zip(result, gradient.values) {
            XCTAssertEqual(
              Double(value), wanted, accuracy: 1e-5 * scale,
              "\(one), \(level.name), \(gradient.name)")
          }
        }
        guard loops.isFused else { continue }
        if let fused { XCTAssertEqual(results, fused, "\(one), \(level.name)") }
        fused = results
      }
    }
  }

  func testGradientsAccumulateAndBatchesChangeTheirSize() throws {
    for one in [cases[1], cases[2], cases[4]] {
      try checkAccumulation(one.layer(), input: one.image)
      try checkBatchSizes(one.layer(), input: one.image)
    }
  }

  func testImagesMayChangeTheirSize() throws {
    let layer = cases[2].layer(Double.self)
    let network = try Network(layer, input: [6, 5, 2], seed: 3)
    for image: Shape in [[6, 5, 2], [9, 4, 2], [3, 3, 2], [6, 5, 2]] {
      let input = Tensor<Double>(
        (0..<2 * image.count).map { Double($0 % 13) / 8 }, shape: image.batch(of: 2))
      let output = try layer.forward(input, network.pass)
      let wanted = convolution(input, layer)
      XCTAssertEqual(output.shape, wanted.shape)
      for (value, wanted) in zip(output.elements, wanted.elements) {
        XCTAssertEqual(value, wanted, accuracy: 1e-12)
      }
    }
  }

  func testParametersAreFinishedInTheOrderOfTheirMemory() throws {
    let check = try GradientCheck(cases[1].layer(Double.self), input: [5, 4, 1], batch: 2)
    var finished: [String] = []
    let sink = TestSink<Double>()
    defer { withExtendedLifetime(sink) {} }
    check.network.pass.sink = sink
    sink.onReady = { parameter, _ in finished.append(parameter.name) }
    _ = try check.computed()
    XCTAssertEqual(finished, check.network.layout.parameters.map(\.name))
  }

  func testInputsOfAnotherShapeAreAnError() {
    let layer = Conv2D<Float>(inputChannels: 3, outputChannels: 8, kernel: 5, stride: 2)
    assertShapeError(
      layer, [28, 28, 1],
      "Conv2D 3 -> 8, 5x5, stride 2x2 takes images of [height, width, 3], not of [28, 28, 1]")
    assertShapeError(
      layer, [784],
      "Conv2D 3 -> 8, 5x5, stride 2x2 takes images of [height, width, 3], not of [784]")
    assertShapeError(
      Conv2D<Float>(inputChannels: 3, outputChannels: 8, kernel: 7, padding: 1), [9, 4, 3],
      "Conv2D 3 -> 8, 7x7, padding 1x1 needs images of [5, 5, 3] or more, not of [9, 4, 3]")
  }

  /// The sums, written out.
  private func convolution(_ input: Tensor<Double>, _ layer: Conv2D<Double>) -> Tensor<Double> {
    let (height, width, channels) = (input.shape[1], input.shape[2], input.shape[3])
    let (kernel, stride, padding) = (layer.kernel, layer.stride, layer.padding)
    let rows = (height + 2 * padding.height - kernel.height) / stride.height + 1
    let columns = (width + 2 * padding.width - kernel.width) / stride.width + 1
    let output = Tensor<Double>(shape: [input.rows, rows, columns, layer.outputChannels])
    var next = 0
    for image in 0..<input.rows {
      for row in 0..<rows {
        for column in 0..<columns {
          for channel in 0..<layer.outputChannels {
            var sum = layer.bias?.values[channel] ?? 0
            for y in 0..<kernel.height {
              for x in 0..<kernel.width {
                let fromRow = row * stride.height + y - padding.height
                let fromColumn = column * stride.width + x - padding.width
                guard 0..<height ~= fromRow, 0..<width ~= fromColumn else { continue }
                for of in 0..<channels {
                  sum +=
                    input[((image * height + fromRow) * width + fromColumn) * channels + of]
                    * layer.weight.values[
                      ((channel * kernel.height + y) * kernel.width + x) * channels + of]
                }
              }
            }
            output[next] = sum
            next += 1
          }
        }
      }
    }
    return output
  }
}
