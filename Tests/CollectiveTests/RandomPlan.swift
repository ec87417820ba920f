import AllReduce
import AllReduceMPI

/// A network, where its layers are placed, and how it is trained: all drawn from a seed, the same on all ranks.
struct RandomPlan {
  /// A layer as it is drawn; made anew for each network, since layers hold what they computed.
  indirect enum Words {
    case dense(Int, Int, bias: Bool)
    case convolution(Int, Int, kernel: Int, bias: Bool)
    case maximum, average, flatten, layerNorm(Int), batchNorm(Int), dropout(Double)
    case relu, tanh, gelu, leaky
    case residual([Words], shortcut: Words?)

    func layer() -> any Layer<Double> {
      switch self {
      case .dense(let inputs, let outputs, let bias):
        Dense(inputs: inputs, outputs: outputs, bias: bias)
      case .convolution(let from, let to, let kernel, let bias):
        Conv2D(inputChannels: from, outputChannels: to, kernel: Size2D(kernel), bias: bias)
      case .maximum: MaxPool2D(kernel: Size2D(2))
      case .average: AveragePool2D(kernel: Size2D(2))
      case .flatten: Flatten()
      case .layerNorm(let width): LayerNorm(width)
      case .batchNorm(let width): BatchNorm(width)
      case .dropout(let rate): Dropout(rate)
      case .relu: ReLU()
      case .tanh: Tanh()
      case .gelu: GELU()
      case .leaky: LeakyReLU(slope: 0.1)
      case .residual(let body, let shortcut):
        Residual(Sequential(body.map { $0.layer() }), shortcut: shortcut?.layer())
      }
    }

    var worksOnElements: Bool {
      switch self {
      case .flatten, .dropout, .relu, .tanh, .gelu, .leaky: true
      default: false
      }
    }
  }

  let input: Shape
  private(set) var layers: [Words] = []
  private(set) var placements: [String: Placement] = [:]
  private(set) var hasBatchNorm = false
  let classes: Int
  let rows: Int
  private(set) var parts = 1
  let usesClasses: Bool
  let smoothing: Double
  let clipping: GradientClipping?
  let rule: Int
  private(set) var plan: Plan
  private var random: Draws

  /// Numbers drawn one after the other (SplitMix64).
  struct Draws {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    mutating func below(_ count: Int) -> Int { Int(next() % UInt64(count)) }
    mutating func within(_ range: ClosedRange<Int>) -> Int {
      range.lowerBound + below(range.count)
    }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
    mutating func one<Value>(of values: [Value]) -> Value { values[below(values.count)] }
  }

  init(seed: UInt64, ranks: Int) {
    var random = Draws(state: seed)
    let isImage = random.chance(40)
    input = isImage ? [random.within(6...8), random.within(6...8), 1] : [random.within(5...17)]
    classes = random.within(5...9)
    rows = random.within(8...20)
    usesClasses = random.chance(70)
    smoothing = random.chance(50) ? 0.1 : 0
    clipping = random.chance(25) ? GradientClipping(maximumNorm: 0.3) : nil
    rule = random.below(4)
    let wantsParts = random.chance(25)
    let divisors = (1...ranks).filter { ranks % $0 == 0 }
    let model = random.one(of: divisors)
    plan = Plan(layers: [:], grid: GridShape(data: ranks / model, model: model))
    plan.update = random.one(of: UpdateMode.allCases)
    plan.overlap = random.chance(80)
    plan.bucketBytes = random.one(of: [256, 4096, nil])
    self.random = random
    draw(isImage: isImage)
    if wantsParts, !hasBatchNorm { parts = 2 }
    place()
  }

  // MARK: The network

  private mutating func draw(isImage: Bool) {
    var shape = input
    if isImage {
      let channels = random.within(2...4)
      // In front of batch norm a bias has no gradient, and rounding would be all that moves it.
      let isNormed = random.chance(50)
      layers.append(.convolution(1, channels, kernel: 3, bias: !isNormed))
      if isNormed { appendBatchNorm(channels) }
      if random.chance(70) { layers.append(random.one(of: [.relu, .tanh, .leaky])) }
      if random.chance(60) { layers.append(random.one(of: [.maximum, .average])) }
      if random.chance(30) { layers.append(.dropout(0.3)) }
      layers.append(.flatten)
      // Windows and pools are laid out by the layers themselves.
      for words in layers { shape = (try? words.layer().outputShape(for: shape)) ?? shape }
    }
    var width = shape.count
    for _ in 0..<random.within(1...4) {
      let next = random.within(5...17)
      let isNormed = random.chance(25)
      layers.append(.dense(width, next, bias: !isNormed && random.chance(80)))
      width = next
      if isNormed { appendBatchNorm(width) }
      if random.chance(20) { layers.append(.layerNorm(width)) }
      if random.chance(75) { layers.append(random.one(of: [.relu, .tanh, .gelu, .leaky])) }
      if random.chance(35) { layers.append(.dropout(0.25)) }
      if random.chance(30) { appendResidual(width) }
    }
    layers.append(.dense(width, classes, bias: true))
    if random.chance(15) { layers.append(.tanh) }
  }

  private mutating func appendBatchNorm(_ width: Int) {
    layers.append(.batchNorm(width))
    hasBatchNorm = true
  }

  private mutating func appendResidual(_ width: Int) {
    let inner = random.within(5...11)
    var body: [Words] = [.dense(width, inner, bias: true)]
    if random.chance(70) { body.append(random.one(of: [.relu, .tanh])) }
    if random.chance(30) { body.append(.dropout(0.2)) }
    body.append(.dense(inner, width, bias: random.chance(50)))
    layers.append(
      .residual(body, shortcut: random.chance(40) ? .dense(width, width, bias: false) : nil))
  }

  func root() -> Sequential<Double> { Sequential(layers.map { $0.layer() }) }

  // MARK: The plan

  private mutating func place() {
    for (index, words) in layers.enumerated() { place(words, "\(index)", Placement.allCases) }
    plan.layers = .listed(placements)
    leaveOutBatchNorm()
    guard random.chance(35), usesClasses, let first = firstDense else { return }
    // The mix of both: own examples up to the first dense layer, from there in one of the three orders.
    var mix = self
    mix.placements = [:]
    for (index, words) in layers.enumerated() {
      let choices: [Placement] =
        index < first ? [.data] : index == first ? [.columns] : [.replicated, .columns, .rows]
      mix.place(words, "\(index)", choices)
    }
    mix.plan.layers = .listed(mix.placements)
    mix.plan.conversions = [
      ConversionRun(before: "\(first)", order: mix.random.one(of: ConversionRun.Order.allCases))
    ]
    if (try? check(mix.plan)) != nil {
      self = mix
      leaveOutBatchNorm()
    }
  }

  /// Where features are sharded, batch norm may take them as they come.
  private mutating func leaveOutBatchNorm() {
    for (index, words) in layers.enumerated() {
      guard case .batchNorm = words, random.chance(70) else { continue }
      var without = self
      without.placements["\(index)"] = nil
      without.plan.layers = .listed(without.placements)
      if (try? check(without.plan)) != nil { self = without }
    }
  }

  private var firstDense: Int? {
    layers.firstIndex { if case .dense = $0 { true } else { false } }
  }

  private func check(_ plan: Plan) throws {
    guard let grid = plan.grid else { return }
    _ = try plan.table(for: root(), input: input, ranks: grid.data * grid.model)
  }

  private mutating func place(_ words: Words, _ path: String, _ choices: [Placement]) {
    let whole = choices.filter { $0 == .data || $0 == .replicated }
    switch words {
    case .residual(let body, let shortcut):
      let choices = choices == [.columns] ? [.replicated] : choices
      for (index, inner) in body.enumerated() { place(inner, "\(path).body.\(index)", choices) }
      if let shortcut { place(shortcut, "\(path).shortcut", choices) }
    case .dense: placements[path] = random.one(of: choices)
    case _ where words.worksOnElements:
      if random.chance(8) { placements[path] = random.one(of: whole) }
    default: placements[path] = random.one(of: whole + whole.prefix(1))
    }
  }
}
