import AllReduce
import AllReduceMPI
import XCTest

/// Divided networks against the whole one on one rank: outputs, losses, every gradient, 50 steps.
final class ModelParallelTests: CollectiveTestCase {
  private static let classes = 7
  private static let seed: UInt64 = 9

  /// A network with its input; layers are made anew, since they hold what they computed.
  private struct Case {
    let name: String
    let input: Shape
    let isHybrid: Bool
    let layers: () -> [any Layer<Double>]
  }

  private var cases: [Case] {
    let classes = ModelParallelTests.classes
    return [
      Case(name: "column", input: [6], isHybrid: false) { [Dense(6, classes)] },
      Case(name: "column + row", input: [6], isHybrid: false) {
        [Dense(6, 13), ReLU(), Dense(13, classes)]
      },
      Case(name: "column + row + column", input: [6], isHybrid: false) {
        [
          Dense(6, 13), Tanh(), Dropout(0.3), Dense(13, 11), GELU(), Dropout(0.2),
          Dense(11, classes),
        ]
      },
      Case(name: "norms between", input: [6], isHybrid: false) {
        [Dense(6, 13), LayerNorm(13), ReLU(), Dense(13, 70), Dropout(0.5), Dense(70, classes)]
      },
      Case(name: "convolution", input: [6, 6, 1], isHybrid: true) {
        [
          Conv2D(inputChannels: 1, outputChannels: 3, kernel: Size2D(3)), ReLU(),
          MaxPool2D(kernel: Size2D(2)), Flatten(), Dropout(0.2), Dense(12, 130), ReLU(),
          Dropout(0.4), Dense(130, classes),
        ]
      },
      Case(name: "convolution, one dense", input: [6, 6, 1], isHybrid: true) {
        [
          Conv2D(inputChannels: 1, outputChannels: 2, kernel: Size2D(3)), BatchNorm(2), Tanh(),
          Flatten(), Dense(32, classes),
        ]
      },
    ]
  }

  private struct Part {
    let inputs: Tensor<Double>
    let labels: [Int32]
    let numbers: [Int]

    init(_ numbers: Range<Int>, step: Int, input: Shape) {
      let random = Philox(seed: 11 + UInt64(step))
      self.numbers = numbers.map { $0 + 100 * step }
      labels = numbers.map {
        Int32(random.block(at: UInt64($0), stream: 1).x % UInt32(ModelParallelTests.classes))
      }
      inputs = Tensor(
        numbers.flatMap { example in
          (0..<input.count).map { random.gaussian(at: UInt64(example * input.count + $0)) }
        }, shape: input.batch(of: numbers.count))
    }
  }

  private func whole(_ item: Case) throws -> Network<Double> {
    try Network(
      Sequential(item.layers()), input: item.input, seed: ModelParallelTests.seed)
  }

  /// A step of the whole network on this rank alone.
  private func step(
    _ network: Network<Double>, _ part: Part, _ number: Int, smoothing: Double
  ) throws -> BatchScore {
    network.pass.isTraining = true
    network.pass.step = UInt64(number)
    network.pass.examples = part.numbers
    let output = try network.forward(part.inputs)
    let gradient = Tensor<Double>(shape: output.shape)
    let score = try SoftmaxCrossEntropy<Double>(labelSmoothing: smoothing).evaluate(
      output, .classes(part.labels), gradient: gradient)
    try network.backward(gradient)
    return score
  }

  /// Trains both for some steps and compares all there is.
  private func compare(
    _ item: Case, _ grid: Grid, _ transition: Transition?, examples: Int, steps: Int,
    smoothing: Double = 0.1, line: UInt = #line
  ) throws {
    let what =
      "\(item.name), transition \(transition?.rawValue ?? "none"), "
      + "\(grid.data.size) x \(grid.model.size), \(examples) examples"
    let reference = try whole(item)
    let parallel = try ModelParallel(
      item.layers(), input: item.input, over: grid, transition: transition,
      labelSmoothing: smoothing, seed: ModelParallelTests.seed, optimizer: SGD())
    XCTAssertEqual(parallel.parameterCount, reference.parameterCount, what)
    let world = grid.world
    let own =
      transition == nil
      ? BlockPartition(count: examples, parts: grid.data.size)[grid.dataIndex]
      : BlockPartition(count: examples, parts: world.size)[world.rank]
    let update = Optimizer(SGD(), layout: reference.layout)
    for number in 0..<steps {
      let expected = try step(
        reference, Part(0..<examples, step: number, input: item.input), number,
        smoothing: smoothing)
      let part = Part(own, step: number, input: item.input)
      let total = try parallel.step(part.inputs, part.labels, examples: part.numbers)
      XCTAssertEqual(total.examples, examples, what, line: line)
      XCTAssertEqual(total.correct, expected.correct, what, line: line)
      XCTAssertEqual(
        total.loss, expected.loss, accuracy: 1e-9 * expected.loss, "\(what), step \(number)",
        line: line)
      if number == 0 || number == steps - 1 {
        let gathered = try parallel.gatheredParameters()
        for (parameter, (name, values, gradient)) in zip(reference.parameters, gathered) {
          assertClose(
            values, parameter.values.values, 1e-9, "\(what), values of \(name)", line: line)
          assertClose(
            gradient, parameter.gradient.values, 1e-9, "\(what), gradient of \(name)", line: line)
        }
        let squares = try parallel.gradientSquares()
        let wholeSquares = reference.gradients.reduce(0) { $0 + $1 * $1 }
        XCTAssertEqual(squares, wholeSquares, accuracy: 1e-8 * wholeSquares, what, line: line)
      }
      let move = OptimizerStep(
        number: number + 1, learningRate: 0.1, gradientScale: expected.gradientScale)
      update.update(reference, move)
      try parallel.update(move)
      _ = try parallel.checksum()
    }
    // Evaluation sees the same, too.
    reference.pass.isTraining = false
    let all = Part(0..<examples, step: 0, input: item.input)
    let outputs = try reference.forward(all.inputs)
    let expected = try SoftmaxCrossEntropy<Double>(labelSmoothing: smoothing).evaluate(
      outputs, .classes(all.labels), gradient: nil)
    let part = Part(own, step: 0, input: item.input)
    let score = try parallel.sum(
      parallel.score(part.inputs, part.labels))
    XCTAssertEqual(score.correct, expected.correct, what, line: line)
    XCTAssertEqual(score.loss, expected.loss, accuracy: 1e-9 * expected.loss, what, line: line)
  }

  func testDividedLayersEqualTheWholeNetwork() throws {
    let grid = try Grid(world())
    for item in cases where !item.isHybrid {
      try compare(item, grid, nil, examples: 12, steps: 3)
      try compare(item, grid, nil, examples: 9, steps: 2, smoothing: 0)
    }
  }

  func testFiftySteps() throws {
    let grid = try Grid(world())
    try compare(cases[2], grid, nil, examples: 16, steps: 50)
    for transition in Transition.allCases {
      try compare(cases[4], grid, transition, examples: 20, steps: 50)
    }
  }

  func testEveryTransitionEqualsTheWholeNetwork() throws {
    let world = try world()
    let grid = try Grid(world)
    for transition in Transition.allCases {
      for item in cases where item.isHybrid {
        // Even and uneven parts, and ranks without any.
        for examples in [4 * world.size, 11, 2] {
          try compare(item, grid, transition, examples: examples, steps: 3)
        }
      }
      try compare(cases[2], grid, transition, examples: 13, steps: 2)
    }
  }

  func testGridsEqualTheWholeNetwork() throws {
    let world = try world()
    for data in 1...world.size where world.size % data == 0 {
      let grid = try Grid(world, data: data, model: world.size / data)
      for item in cases {
        try compare(item, grid, nil, examples: 10, steps: 3)
        if item.isHybrid {
          for transition in Transition.allCases {
            try compare(item, grid, transition, examples: 4 * world.size, steps: 3)
          }
        }
      }
    }
  }

  func testVariableBatchUpdatesAfterEachTurn() throws {
    let world = try world()
    let item = cases[5]
    for transition in [Transition.b, .c] {
      let parallel = try ModelParallel(
        item.layers(), input: item.input, over: Grid(world), transition: transition, seed: 3,
        optimizer: SGD())
      var losses: [Double] = []
      for number in 1...40 {
        let part = Part(
          4 * world.rank..<4 * world.rank + 4, step: 0, input: item.input)
        var (turns, seen) = (0, 0)
        let total = try parallel.step(part.inputs, part.labels, examples: part.numbers) { score in
          turns += 1
          seen += score.examples
          XCTAssertLessThanOrEqual(score.examples, parallel.largestTurn)
          try parallel.update(
            OptimizerStep(
              number: number, learningRate: 0.3 / Double(world.size),
              gradientScale: score.gradientScale), parallel.backRange)
        }
        XCTAssertEqual(turns, world.size)
        XCTAssertEqual(total.examples, 4 * world.size)
        XCTAssertEqual(seen, total.examples)
        try parallel.update(
          OptimizerStep(number: number, learningRate: 0.3, gradientScale: total.gradientScale),
          parallel.frontRange)
        losses.append(total.loss)
        _ = try parallel.checksum()
      }
      XCTAssertLessThan(losses[39], 0.7 * losses[0], "\(transition)")
    }
  }

  /// Every way in which gradients become weights, of shards and of what all ranks hold; norms count each once.
  func testEveryUpdateLearnsWhatOneRankLearns() throws {
    let world = try world()
    let rules: [any UpdateRule] = [Momentum(weightDecay: 0.01), LARS(trust: 0.1)]
    for data in 1...world.size where world.size % data == 0 {
      let grid = try Grid(world, data: data, model: world.size / data)
      for (item, transition) in [(cases[3], nil), (cases[5], .c)] as [(Case, Transition?)] {
        let parts = transition == nil ? (grid.dataIndex, data) : (world.rank, world.size)
        let own = BlockPartition(count: 20, parts: parts.1)[parts.0]
        for (rule, clipping) in rules.flatMap({
          [($0, nil), ($0, GradientClipping(maximumNorm: 0.1))]
        }) {
          let reference = try whole(item)
          let update = Optimizer(rule, layout: reference.layout)
          let all = try UpdateMode.allCases.map {
            try ModelParallel(
              item.layers(), input: item.input, over: grid, transition: transition,
              seed: ModelParallelTests.seed, update: $0, optimizer: rule, bucketBytes: 512)
          }
          for number in 0..<4 {
            let expected = try step(
              reference, Part(0..<20, step: number, input: item.input), number, smoothing: 0)
            var move = OptimizerStep(
              number: number + 1, learningRate: 0.1, gradientScale: expected.gradientScale)
            for parallel in all {
              let what = "\(item.name), \(data) x \(grid.model.size), step \(number)"
              let part = Part(own, step: number, input: item.input)
              let total = try parallel.step(part.inputs, part.labels, examples: part.numbers)
              XCTAssertEqual(total.loss, expected.loss, accuracy: 1e-9 * expected.loss, what)
              XCTAssertTrue(try parallel.update(move, clipping: clipping))
              _ = try parallel.checksum()
            }
            let squares = reference.gradients.reduce(0) { $0 + $1 * $1 }
            move.gradientScale =
              clipping?.scale(sumOfSquares: squares, gradientScale: move.gradientScale)
              ?? move.gradientScale
            update.update(reference, move)
          }
          for (mode, parallel) in zip(UpdateMode.allCases, all) {
            let what = "\(mode), \(item.name), \(data) x \(grid.model.size), \(type(of: rule))"
            for (parameter, found) in zip(reference.parameters, try parallel.gatheredParameters()) {
              assertClose(
                found.values, parameter.values.values, 1e-9, "\(what), \(found.name)")
            }
          }
        }
      }
    }
  }

  func testStepsThatUpdateHaveTheBitsOfAnUpdateAfterThem() throws {
    let world = try world()
    let rules: [any UpdateRule] = [
      SGD(), Momentum(0.9, weightDecay: 0.1), Adam(), LARS(),
    ]
    for grid in [try Grid(world), try Grid(world, data: world.size, model: 1)] {
      for (number, rule) in rules.enumerated() {
        let item = cases[3]
        func make() throws -> ModelParallel<Double> {
          try ModelParallel(
            item.layers(), input: item.input, over: grid, seed: 3, optimizer: rule)
        }
        let (one, two) = (try make(), try make())
        let own = BlockPartition(count: 12 * grid.data.size, parts: grid.data.size)[grid.dataIndex]
        for step in 1...4 {
          let part = Part(own, step: step, input: item.input)
          let first = try one.step(part.inputs, part.labels, examples: part.numbers)
          try one.update(
            OptimizerStep(number: step, learningRate: 0.1, gradientScale: first.gradientScale))
          let second = try two.step(
            part.inputs, part.labels, examples: part.numbers, updating: step, learningRate: 0.1)
          XCTAssertEqual(first, second)
          XCTAssertEqual(try one.checksum(), try two.checksum(), "rule \(number), step \(step)")
        }
      }
    }
  }

  func testALossThatIsNoNumberChangesNoWeight() throws {
    let world = try world()
    let parallel = try ModelParallel<Float>(
      [Dense(6, 20), ReLU(), Dense(20, 7)], input: [6], over: Grid(world), optimizer: SGD())
    let before = Array(parallel.network.values)
    let labels = [Int32](repeating: 1, count: 8)
    let total = try parallel.step(
      Tensor(repeating: .infinity, shape: [8, 6]), labels, updating: 1,
      learningRate: 0.1)
    XCTAssertFalse(total.loss.isFinite)
    XCTAssertEqual(Array(parallel.network.values), before)
  }

  func testTransitionsSendWhatTheFormulasSay() throws {
    let world = try world()
    let item = cases[4]
    let (batch, width) = (world.size * 2, 12)
    var largest: [Transition: Int] = [:]
    for transition in Transition.allCases {
      let parallel = try ModelParallel(
        item.layers(), input: item.input, over: Grid(world), transition: transition)
      let part = Part(
        world.rank * batch..<(world.rank + 1) * batch, step: 0, input: item.input)
      _ = try parallel.step(part.inputs, part.labels, examples: part.numbers)
      largest[transition] = parallel.largestTurn
      // All examples and all gradients with a; 1/p of that with c, what is on its way included; with b the
      // next examples besides.
      let turn = (transition == .a ? world.size * batch : batch) * width
      let buffers = transition == .b && world.size > 1 ? 3 : 2
      XCTAssertEqual(parallel.layers.transitionCapacity, buffers * turn, "\(transition)")
      let crossing = parallel.layers.exchanges.map(\.traffic.payloadBytes)
      let each = (world.size - 1) * batch * width * MemoryLayout<Double>.stride
      // In shared memory every rank adds up a slice for the root, and writes it there.
      let written =
        transition == .b && world.hosts.count == 1 ? each / world.size : 0
      XCTAssertEqual(crossing, [each, each + written], "transition \(transition)")
    }
    // What is kept of the examples in the divided layers grows with how many are there at once.
    XCTAssertEqual(largest[.a], world.size * batch)
    XCTAssertEqual(largest[.b], batch)
    XCTAssertEqual(largest[.c], batch)
  }

  func testColumnThenRowCostsOneAllReduceEachWay() throws {
    let world = try world()
    let layers: [any Layer<Double>] = [Dense(6, 20), ReLU(), Dense(20, 30), ReLU(), Dense(30, 7)]
    let parallel = try ModelParallel(layers, input: [6], over: Grid(world))
    let part = Part(0..<16, step: 0, input: [6])
    _ = try parallel.step(part.inputs, part.labels)
    // The input needs no gradient, the row-parallel layer no exchange backward.
    let moved = parallel.layers.allExchanges.map(\.exchange).filter { $0.traffic != Traffic() }
    XCTAssertEqual(moved.map(\.isBackward), world.size == 1 ? [] : [false, true])
    let (count, hosts) = (16 * 30, world.hosts.count)
    for exchange in moved {
      let total = try world.allReduce(
        Double(
          hosts == 1
            ? exchange.traffic.memoryBytesExchanged : exchange.traffic.networkBytesSent), .sum)
      let multiples: Double
      if hosts == 1 {
        // One that is waited for at once is small enough for every rank to read all; one that goes on
        // behind the gradient of the weight is added up in slices.
        multiples = Double((exchange.isBackward ? 2 : world.size) * (world.size - 1))
      } else if hosts == world.size {
        let algorithm = world.algorithm(
          for: .automatic, count: count, of: Double.self, isInArena: true)
        multiples =
          ScheduleCost(.allReduce, by: algorithm.kind, size: world.size).totalSent.value
      } else {
        multiples = Double(2 * (hosts - 1))
      }
      XCTAssertEqual(total, multiples * Double(count * MemoryLayout<Double>.stride))
    }
  }
}
