public import AllReduceNN

/// Some elements of a tensor: runs of equal length at equal distances, in row-major order.
///
/// Everything that is sharded over ranks consists of such pieces: a slice of the flat memory is one run; some columns
/// of a matrix are one run per row.
package struct StatePiece: Hashable, Sendable {
  /// The index of the first element in the whole tensor.
  package let first: Int
  /// The number of elements in a run.
  package let runLength: Int
  /// The number of elements from the start of a run to the start of the next; runs do not overlap.
  package let distance: Int
  /// The number of runs.
  package let runs: Int

  /// Creates a piece of `runs` runs.
  ///
  /// - Precondition: No number is negative, and `distance` is at least `runLength` and at least 1.
  package init(first: Int, runLength: Int, distance: Int, runs: Int) {
    precondition(
      first >= 0 && runLength >= 0 && runs >= 0 && distance >= max(runLength, 1),
      "\(runs) runs of \(runLength) elements cannot begin at \(first), \(distance) apart")
    self.first = first
    self.runLength = runLength
    self.distance = distance
    self.runs = runs
  }

  /// Creates a piece that is one run of contiguous elements.
  package init(_ elements: Range<Int>) {
    self.init(
      first: elements.lowerBound, runLength: elements.count, distance: max(elements.count, 1),
      runs: 1)
  }

  /// Creates a piece of columns of a matrix with `width` columns; for a tensor, the rows are its first dimension.
  package init(columns: Range<Int>, of width: Int, rows: Int) {
    self.init(
      first: columns.lowerBound, runLength: columns.count, distance: max(width, 1), runs: rows)
  }

  /// Creates the piece of the whole parameter that a shard holds.
  package init(_ shard: ParameterShard) {
    let inner = shard.whole.sizes[(shard.dimension + 1)...].reduce(1, *)
    let runs = shard.whole.sizes[..<shard.dimension].reduce(1, *)
    let (first, length) = (shard.range.lowerBound * inner, shard.range.count * inner)
    let distance = shard.whole[shard.dimension] * inner
    if runs == 1 || length == distance {
      self.init(first..<first + runs * length)
    } else {
      self.init(first: first, runLength: length, distance: max(distance, 1), runs: runs)
    }
  }

  /// The number of elements of the piece.
  package var count: Int { runLength * runs }

  /// Returns the pieces for a range of this piece's own elements, counted from 0: at most a cut run, whole runs, and a
  /// cut run.
  func pieces(of own: Range<Int>) -> [StatePiece] {
    guard !own.isEmpty else { return [] }
    func start(of run: Int) -> Int { first + run * distance }
    let (head, tail) = (own.lowerBound / runLength, (own.upperBound - 1) / runLength)
    let (skipped, end) = (own.lowerBound - head * runLength, own.upperBound - tail * runLength)
    if head == tail { return [StatePiece(start(of: head) + skipped..<start(of: head) + end)] }
    let whole = (skipped == 0 ? head : head + 1)..<(end == runLength ? tail + 1 : tail)
    var pieces: [StatePiece] = []
    if skipped > 0 {
      pieces.append(StatePiece(start(of: head) + skipped..<start(of: head) + runLength))
    }
    if !whole.isEmpty {
      pieces.append(
        StatePiece(
          first: start(of: whole.lowerBound), runLength: runLength, distance: distance,
          runs: whole.count))
    }
    if end < runLength { pieces.append(StatePiece(start(of: tail)..<start(of: tail) + end)) }
    return pieces
  }

  /// The index after the last element of the last run, in the whole tensor.
  var end: Int { count == 0 ? first : first + (runs - 1) * distance + runLength }

  /// Calls `body` for the part of each run that lies within a range of the whole tensor, with the index of its first
  /// element in the whole tensor and in the piece, and with its length.
  func forEachRun(
    within range: Range<Int>, _ body: (_ element: Int, _ place: Int, _ count: Int) -> Void
  ) {
    guard count > 0 else { return }
    var run = max(0, (range.lowerBound - first) / distance)
    while run < runs {
      let start = first + run * distance
      if start >= range.upperBound { return }
      let part = (start..<start + runLength).clamped(to: range)
      if !part.isEmpty {
        body(part.lowerBound, run * runLength + part.lowerBound - start, part.count)
      }
      run += 1
    }
  }

  /// Returns the number of elements within a range of the whole tensor.
  func count(within range: Range<Int>) -> Int {
    var sum = 0
    forEachRun(within: range) { sum += $2 }
    return sum
  }
}

/// A tensor of the training state, and the part of it that this rank holds.
///
/// All ranks together hold every element; several ranks may hold the same elements, and a rank may hold none.
public struct StateTensor<Scalar: NetworkScalar> {
  /// The tensor's name in a checkpoint.
  public let name: String
  /// The shape of the whole tensor.
  package let shape: Shape
  /// The pieces that this rank holds, each with its memory, in which the runs follow one another.
  package let parts: [(piece: StatePiece, values: UnsafeMutableBufferPointer<Scalar>)]
  /// An object that keeps the memory of the parts alive.
  private let owner: Any?

  /// Creates a tensor from the pieces that this rank holds. Their memory must outlive this value.
  ///
  /// - Precondition: Each piece lies within the tensor, and its memory has the same number of elements.
  package init(
    _ name: String, shape: Shape,
    parts: [(piece: StatePiece, values: UnsafeMutableBufferPointer<Scalar>)]
  ) {
    for (piece, values) in parts {
      precondition(
        piece.count == values.count && piece.end <= shape.count,
        "\(name) \(shape) has no piece \(piece) in memory of \(values.count) elements")
    }
    self.init(name, shape, parts, owner: nil)
  }

  fileprivate init(
    _ name: String, _ shape: Shape,
    _ parts: [(piece: StatePiece, values: UnsafeMutableBufferPointer<Scalar>)], owner: Any?
  ) {
    self.name = name
    self.shape = shape
    self.parts = parts
    self.owner = owner
  }

  /// Returns the same tensor with another name; if `isHeld` is false, without this rank's parts.
  func renamed(_ name: String, isHeld: Bool = true) -> StateTensor {
    StateTensor(name, shape, isHeld ? parts : [], owner: owner)
  }

  /// Joins lists of the same tensors, in the same order, into one list in which each tensor has the parts from all
  /// lists.
  static func joined(_ lists: [[StateTensor]]) -> [StateTensor] {
    (lists.first ?? []).enumerated().map { number, tensor in
      StateTensor(
        tensor.name, tensor.shape, lists.flatMap { $0[number].parts },
        owner: lists.map { $0[number].owner })
    }
  }

  /// Creates a tensor that this rank holds whole. Refers to the memory of `tensor` and keeps it alive; copies nothing.
  public init(_ name: String, whole tensor: Tensor<Scalar>) {
    self.init(name, of: tensor, nil)
  }

  /// Creates a tensor from a parameter's values, whole or a shard. Refers to their memory, without a
  /// copy, and keeps it alive.
  package init(_ parameter: Parameter<Scalar>) {
    self.init(parameter.name, of: parameter.values, parameter.shard)
  }

  /// Creates a tensor, whole or of one shard. Refers to the memory of `tensor` and keeps it alive; copies nothing.
  fileprivate init(_ name: String, of tensor: Tensor<Scalar>, _ shard: ParameterShard?) {
    self.init(
      name, shard?.whole ?? tensor.shape,
      [(shard.map { StatePiece($0) } ?? StatePiece(0..<tensor.count), tensor.values)],
      owner: tensor)
  }
}

extension Parameter {
  /// The piece of the whole parameter that this rank holds.
  fileprivate var piece: StatePiece {
    shard.map { StatePiece($0) } ?? StatePiece(0..<shape.count)
  }
}

extension Network {
  /// The parameters and buffers, by their paths ("0.weight", "1.runningMean"): each one whole, or this rank's shard of
  /// it.
  public var stateTensors: [StateTensor<Scalar>] {
    parameters.map { StateTensor($0) }
      + root.stateBuffers
  }
}

extension Layer {
  /// The buffers of this layer and of all layers in it, by their paths: each one whole, or this rank's shard of it.
  var stateBuffers: [StateTensor<Scalar>] { stateBuffers(at: "") }

  private func stateBuffers(at path: String) -> [StateTensor<Scalar>] {
    // Batch norm's running averages are sharded like its weight.
    let shard = (self as? BatchNorm<Scalar>)?.weight.shard
    return buffers.map { StateTensor(path + $0.name, of: $0.tensor, shard) }
      + children.flatMap { $0.layer.stateBuffers(at: path + $0.name + ".") }
  }
}

extension Optimizer {
  /// The optimizer's state for ``range``, cut into one tensor for each state vector and parameter:
  /// `optimizer/momentum/0.weight`. Every rank has all of these tensors, each with the part that this rank holds.
  package var stateTensors: [StateTensor<Scalar>] {
    state.flatMap { name, values in
      layout.stateTensors(of: values, range, prefix: "optimizer/\(name)/", owner: self)
    }
  }
}

extension ParameterLayout {
  /// Cuts a vector with one value for each element of a range of the flat memory into one tensor for each parameter.
  ///
  /// - Parameters:
  ///   - values: One value for each element of the range.
  ///   - range: The elements of the flat memory that this rank holds.
  ///   - prefix: The text before the parameters' names in the tensors' names.
  ///   - owner: An object that keeps the values alive.
  /// - Returns: On every rank, a tensor for each parameter, with the part that this rank holds.
  func stateTensors(
    of values: UnsafeMutableBufferPointer<Scalar>, _ range: Range<Int>, prefix: String,
    owner: Any? = nil
  ) -> [StateTensor<Scalar>] {
    zip(parameters, ranges).map { parameter, elements in
      let own = elements.clamped(to: range)
      let first = own.lowerBound - elements.lowerBound
      var start = own.lowerBound - range.lowerBound
      let pieces = own.isEmpty ? [] : parameter.piece.pieces(of: first..<first + own.count)
      return StateTensor(
        prefix + parameter.name, parameter.wholeShape,
        pieces.map { piece in
          defer { start += piece.count }
          return (piece, UnsafeMutableBufferPointer(rebasing: values[start..<start + piece.count]))
        }, owner: owner)
    }
  }
}
