import AllReduceNN
import CKernels
import TestSupport
import XCTest

final class DenseTests: XCTestCase {
  func testGradients() throws {
    for (inputs, outputs, batch) in [(1, 1, 1), (3, 5, 1), (5, 3, 4), (17, 33, 2), (33, 17, 7)] {
      for bias in [true, false] {
        let layer = Dense<Double>(inputs: inputs, outputs: outputs, bias: bias)
        XCTAssertEqual(layer.parameters.map(\.name), bias ? ["weight", "bias"] : ["weight"])
        let check = try GradientCheck(layer, input: [inputs], batch: batch)
        let worst = try check.worst()
        XCTAssertLessThan(worst.error, 1e-8, "\(layer.summary), \(batch): \(worst.place)")
      }
    }
  }

  /// Batches for the library's products, and for ours with sizes that are no multiples of anything.
  func testOutputsAreWeightedSums() throws {
    for batch in [1, 2, 8, 16, 65, 300] {
      let (inputs, outputs) = (19, 23)
      let layer = Dense<Float>(inputs, outputs)
      let network = try Network(layer, input: [inputs], seed: 5)
      for output in 0..<outputs { layer.bias?.values[output] = Float(output) / 8 }
      let input = Tensor<Float>(
        (0..<batch * inputs).map { Float(($0 * 7) % 11) / 8 }, shape: [batch, inputs])
      let result = try network.forward(input)
      XCTAssertEqual(result.shape, [batch, outputs])
      for example in 0..<batch {
        for output in 0..<outputs {
          var sum = Double(output) / 8
          for index in 0..<inputs {
            sum +=
              Double(layer.weight.values[output * inputs + index])
              * Double(input[example * inputs + index])
          }
          XCTAssertEqual(Double(result[example * outputs + output]), sum, accuracy: 1e-5)
        }
      }
    }
  }

  /// Our products at all levels against the library's, which are those of the baseline: sizes of several
  /// blocks and panels, and parts of them.
  func testLevelsAgree() throws {
    for (inputs, outputs, batch) in [
      (5, 3, 8), (513, 66, 9), (64, 64, 64), (130, 515, 12), (700, 129, 8), (16, 200, 10),
    ] {
      let plain = Dense<Double>(inputs, outputs)
      plain.loops = LayerKernels(ofDouble: true, .scalar)
      let check = try GradientCheck(plain, input: [inputs], batch: batch)
      let wanted =
        try check.computed().map(\.values) + [check.network.forward(check.input).elements]
      var seen: [[Float]]?
      for level in ProcessorLevel.available {
        let wide = LayerKernels(ofDouble: true, level)
        let loops = LayerKernels(ofDouble: false, level)
        plain.loops = wide
        let doubles =
          try check.computed().map(\.values) + [check.network.forward(check.input).elements]
        let layer = Dense<Float>(inputs, outputs)
        layer.loops = loops
        let floats = try floatResults(like: check, layer)
        for (index, results) in wanted.enumerated() {
          for (place, value) in results.enumerated() {
            XCTAssertEqual(doubles[index][place], value, accuracy: 1e-11, "\(level.name) \(index)")
            XCTAssertEqual(
              Double(floats[index][place]), value, accuracy: 1e-4, "\(level.name) \(index)")
          }
        }
        if level == .scalar { continue }
        if let seen { XCTAssertEqual(floats, seen, "[\(batch), \(inputs)] -> \(outputs)") }
        seen = floats
      }
    }
  }

  /// Weights that change while their gradient is computed get the bits of an update after it.
  func testStepsWithinTheProductHaveTheSameBits() throws {
    let rules: [any UpdateRule] = [
      SGD(weightDecay: 0.1), Momentum(0.9, nesterov: true), Adam(weightDecay: 0.01),
    ]
    for (inputs, outputs, batch) in [(5, 3, 8), (70, 200, 9), (64, 6, 130), (513, 66, 16)] {
      for (number, rule) in rules.enumerated() {
        for level in ProcessorLevel.available where level != .scalar {
          let loops = LayerKernels(ofDouble: false, level)
          let what = "\(inputs) -> \(outputs), batch \(batch), rule \(number), \(level.name)"
          func train(within: Bool) throws -> (values: [Float], gradient: [Float]) {
            let layer = Dense<Float>(inputs, outputs)
            layer.loops = loops
            let network = try Network(layer, input: [inputs], seed: 5)
            let update = Optimizer(rule, layout: network.layout)
            let random = Philox(seed: 3)
            for step in 1...3 {
              let move = OptimizerStep(number: step, learningRate: 0.1, gradientScale: 0.125)
              let input = Tensor(
                (0..<batch * inputs).map { Float(random.gaussian(at: UInt64($0 * step))) },
                shape: [batch, inputs])
              let output = try network.forward(input)
              let sink = TestSink<Float>()
              defer { withExtendedLifetime(sink) {} }
              sink.step = { $0.name == "weight" ? update.weightStep($0, move) : nil }
              network.pass.sink = within ? sink : nil
              try network.backward(output)
              XCTAssertEqual(sink.updated, within ? ["weight"] : [], what)
              if within {
                let bias = network.layout.ranges[0]
                XCTAssertEqual(network.layout.parameters[0].name, "bias")
                update.update(
                  bias, weights: network.values.baseAddress! + bias.lowerBound,
                  gradient: network.gradients.baseAddress! + bias.lowerBound, move)
              } else {
                update.update(network, move)
              }
            }
            return (Array(network.values), layer.weight.gradient.elements)
          }
          let (within, after) = (try train(within: true), try train(within: false))
          XCTAssertEqual(within.values, after.values, what)
          XCTAssertEqual(within.gradient, Array(repeating: 0, count: inputs * outputs), what)
        }
      }
    }
  }

  /// Results so large that they are written past the caches are the same.
  func testLargeGradients() throws {
    let (inputs, outputs, batch) = (2048, 2051, 8)
    let layer = Dense<Float>(inputs: inputs, outputs: outputs, bias: false)
    let network = try Network(layer, input: [inputs])
    let input = Tensor<Float>(
      (0..<batch * inputs).map { Float($0 % 7) }, shape: [batch, inputs])
    let gradient = Tensor<Float>(
      (0..<batch * outputs).map { Float($0 % 5) }, shape: [batch, outputs])
    for times in 1...2 {
      network.pass.accumulatesGradients = times == 2
      _ = try network.forward(input)
      try network.backward(gradient)
      for (output, index) in [(0, 0), (0, 2047), (2050, 0), (2050, 2047), (1023, 1025)] {
        let sum = (0..<batch).reduce(0) {
          $0 + gradient[$1 * outputs + output] * input[$1 * inputs + index]
        }
        XCTAssertEqual(layer.weight.gradient[output * inputs + index], Float(times) * sum)
      }
    }
  }

  func testWeightsAreHeNormalAndBiasesZeroUnlessSaidOtherwise() throws {
    let layer = Dense<Double>(200, 100)
    let network = try Network(layer, input: [200])
    let squares = layer.weight.values.elements.reduce(0) { $0 + $1 * $1 }
    XCTAssertEqual((squares / 20_000).squareRoot(), 0.1, accuracy: 0.003)
    XCTAssertEqual(layer.bias?.values.elements, [Double](repeating: 0, count: 100))
    XCTAssertEqual(network.parameterCount, 20_100)
    let constant = Dense<Double>(inputs: 2, outputs: 2, initialization: .constant(3))
    _ = try Network(constant, input: [2])
    XCTAssertEqual(constant.weight.values.elements, [3, 3, 3, 3])
    XCTAssertEqual(layer.parameters.map(\.decays), [true, false])
  }

  func testGradientsAccumulateAndBatchesChangeTheirSize() throws {
    try checkAccumulation(Dense<Double>(4, 3), input: [4])
    try checkBatchSizes(Dense<Double>(4, 3), input: [4])
  }

  func testRowsAreReportedInBlocksWithTheBitsOfTheWhole() throws {
    let (inputs, outputs) = (37, 50)
    for batch in [0, 5, 16] {
      let layer = Dense<Float>(inputs, outputs)
      let network = try Network(layer, input: [inputs])
      let input = Tensor<Float>(
        (0..<batch * inputs).map { Float($0 % 11) / 7 }, shape: [batch, inputs])
      func backward() throws -> [Float] {
        _ = try network.forward(input)
        try network.backward(
          Tensor((0..<batch * outputs).map { Float($0 % 9) / 3 }, shape: [batch, outputs]))
        return layer.weight.gradient.elements
      }
      let whole = try backward()
      let sink = TestSink<Float>()
      defer { withExtendedLifetime(sink) {} }
      network.pass.sink = sink
      for atOnce in [1, 37, 3 * 37 + 1, 50 * 37, 10_000] {
        sink.pieceElements = atOnce
        var next = 0
        sink.onReady = { parameter, range in
          guard parameter === layer.weight else { return }
          XCTAssertEqual(range.lowerBound, next)
          XCTAssertEqual(range.count % inputs, 0)
          XCTAssertLessThanOrEqual(range.count, max(atOnce, inputs))
          next = range.upperBound
        }
        XCTAssertEqual(try backward(), whole, "\(atOnce) at once, a batch of \(batch)")
        XCTAssertEqual(next, inputs * outputs)
      }
    }
  }

  /// What a layer has not asked for is not there yet.
  func testOutputsNeedOnlyWhatWasAskedFor() throws {
    let (inputs, outputs) = (37, 200)
    for (batch, hasBias) in [(0, true), (5, true), (16, true), (16, false)] {
      let layer = Dense<Double>(inputs: inputs, outputs: outputs, bias: hasBias)
      let network = try Network(layer, input: [inputs])
      layer.bias?.values.values.update(repeating: 0.25)
      let input = Tensor<Double>(
        (0..<batch * inputs).map { Double($0 % 11) / 7 }, shape: [batch, inputs])
      let whole = try network.forward(input).elements
      let values = network.layout.parameters.map { ($0, $0.values.elements) }
      let sink = TestSink<Double>()
      defer { withExtendedLifetime(sink) {} }
      network.pass.sink = sink
      for atOnce in [nil, 1, 100 * inputs, 10_000] {
        for (parameter, _) in values { parameter.values.values.update(repeating: .nan) }
        var next = outputs * inputs
        sink.pieceElements = atOnce
        sink.onUse = { parameter, range in
          let all = try XCTUnwrap(values.first { $0.0 === parameter }).1
          for index in range { parameter.values.values[index] = all[index] }
          guard parameter === layer.weight else { return }
          XCTAssertEqual(range.upperBound, next)
          XCTAssertEqual(range.count % inputs, 0)
          next = range.lowerBound
        }
        let what = "\(atOnce ?? 0) at once, a batch of \(batch)"
        let parts = try network.forward(input).elements
        XCTAssertEqual(parts.count, whole.count)
        for (part, expected) in zip(parts, whole) {
          XCTAssertEqual(part, expected, accuracy: 1e-12, what)
        }
        XCTAssertEqual(next, 0, what)
      }
    }
  }

  func testParametersAreFinishedInTheOrderOfTheirMemory() throws {
    let check = try GradientCheck(Dense<Double>(4, 3), input: [4], batch: 2)
    var finished: [String] = []
    let sink = TestSink<Double>()
    defer { withExtendedLifetime(sink) {} }
    check.network.pass.sink = sink
    sink.onReady = { parameter, range in
      XCTAssertEqual(range, 0..<parameter.shape.count)
      finished.append(parameter.name)
    }
    _ = try check.computed()
    XCTAssertEqual(finished, check.network.layout.parameters.map(\.name))
    XCTAssertEqual(finished, ["bias", "weight"])
  }

  func testNoInputGradientUnlessNeeded() throws {
    let check = try GradientCheck(Dense<Double>(4, 3), input: [4], batch: 2)
    _ = try check.loss()
    XCTAssertNil(
      try check.network.root.backward(
        check.weights, check.network.pass, needsInputGradient: false))
  }

  func testInputsOfAnotherShapeAreAnError() {
    assertShapeError(
      Dense<Float>(784, 512), [28, 28, 1],
      "Dense 784 -> 512 takes examples of [784], not of [28, 28, 1]")
    assertShapeError(
      Dense<Float>(784, 512), [783], "Dense 784 -> 512 takes examples of [784], not of [783]")
  }

  func testFlattenKeepsTheElements() throws {
    let check = try GradientCheck(Flatten<Double>(), input: [2, 3, 4], batch: 5)
    XCTAssertEqual(check.network.outputShape, [24])
    let output = try check.network.forward(check.input)
    XCTAssertEqual(output.shape, [5, 24])
    XCTAssertEqual(output.elements, check.input.elements)
    let worst = try check.worst()
    XCTAssertLessThan(worst.error, 1e-8, worst.place)
  }
}
