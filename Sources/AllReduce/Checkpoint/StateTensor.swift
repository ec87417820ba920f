public import AllReduceNN

/// Some elements of a tensor: runs of equal length at equal distances, in row-major order.
///
/// Whatever is split over ranks is made of such pieces: a slice of the flat memory is one run; some columns
/// of a matrix are a run a row.
package struct StatePiece: Hashable, Sendable {
  /// The first element, counted in the whole tensor.
  package let first: Int
  /// The elements of a run.
  package let runLength: Int
  /// From the start of a run to that of the next; nothing overlaps.
  package let distance: Int
  /// The runs.
  package let runs: Int

  /// Describes runs.
  ///
  /// - Precondition: Nothing is negative; runs are not longer than their distance.
  package init(first: Int, runLength: Int, distance: Int, runs: Int) {
    precondition(
      first >= 0 && runLength >= 0 && runs >= 0 && distance >= max(runLength, 1),
      "\(runs) runs of \(runLength) elements cannot begin at \(first), \(distance) apart")
    self.first = first
    self.runLength = runLength
    self.distance = distance
    self.runs = runs
  }

  /// Elements that lie side by side.
  package init(_ elements: Range<Int>) {
    self.init(
      first: elements.lowerBound, runLength: elements.count, distance: max(elements.count, 1),
      runs: 1)
  }

  /// Columns of a matrix of this many columns; of a tensor, its first dimension being the rows.
  package init(columns: Range<Int>, of width: Int, rows: Int) {
    self.init(
      first: columns.lowerBound, runLength: columns.count, distance: max(width, 1), runs: rows)
  }

  /// A part of a parameter.
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

  /// How many elements there are.
  package var count: Int { runLength * runs }

  /// What holds some of its own elements, counted from 0: a cut run, whole runs, and a cut run at most.
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

  /// The end of the last run, in the whole tensor.
  var end: Int { count == 0 ? first : first + (runs - 1) * distance + runLength }

  /// Calls `body` for what of each run is within a range of the whole tensor: its first element there, its
  /// place in the piece, and its length.
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

  /// How many elements are within a range of the whole tensor.
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
  /// Its name in a checkpoint.
  public let name: String
  /// The sizes of the whole tensor.
  package let shape: Shape
  /// The pieces that this rank holds, each with its memory: the runs, one after the other.
  package let parts: [(piece: StatePiece, values: UnsafeMutableBufferPointer<Scalar>)]
  /// Keeps the memory alive.
  private let owner: Any?

  /// Describes what this rank holds. The memory must outlive this value.
  ///
  /// - Precondition: Pieces are within the tensor and have memory for their elements.
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

  /// The same tensor with another name; if not held, without this rank's parts.
  func renamed(_ name: String, isHeld: Bool = true) -> StateTensor {
    StateTensor(name, shape, isHeld ? parts : [], owner: owner)
  }

  /// Joins lists of the same tensors, in the same order, each with different parts of them.
  static func joined(_ lists: [[StateTensor]]) -> [StateTensor] {
    (lists.first ?? []).enumerated().map { number, tensor in
      StateTensor(
        tensor.name, tensor.shape, lists.flatMap { $0[number].parts },
        owner: lists.map { $0[number].owner })
    }
  }

  /// A tensor that this rank holds whole. Refers to the tensor's memory and keeps it alive; no copy.
  public init(_ name: String, whole tensor: Tensor<Scalar>) {
    self.init(name, of: tensor, nil)
  }

  /// A parameter's values, whole or a shard. Refers to their memory and keeps it alive; no copy.
  package init(_ parameter: Parameter<Scalar>) {
    self.init(parameter.name, of: parameter.values, parameter.shard)
  }

  /// A tensor, whole or a shard of one. Refers to its memory and keeps it alive; no copy.
  fileprivate init(_ name: String, of tensor: Tensor<Scalar>, _ shard: ParameterShard?) {
    self.init(
      name, shard?.whole ?? tensor.shape,
      [(shard.map { StatePiece($0) } ?? StatePiece(0..<tensor.count), tensor.values)],
      owner: tensor)
  }
}

extension Parameter {
  /// The part that is held.
  fileprivate var piece: StatePiece {
    shard.map { StatePiece($0) } ?? StatePiece(0..<shape.count)
  }
}

extension Network {
  /// The parameters and buffers, by their paths ("0.weight", "1.runningMean"): of each all, or the shard that
  /// is here.
  public var stateTensors: [StateTensor<Scalar>] {
    parameters.map { StateTensor($0) }
      + root.stateBuffers
  }
}

extension Layer {
  /// The buffers of this layer and of all below it, by their paths: of each all, or the shard that is here.
  var stateBuffers: [StateTensor<Scalar>] { stateBuffers(at: "") }

  private func stateBuffers(at path: String) -> [StateTensor<Scalar>] {
    // Batch norm's running averages are sharded as its weight is.
    let shard = (self as? BatchNorm<Scalar>)?.weight.shard
    return buffers.map { StateTensor(path + $0.name, of: $0.tensor, shard) }
      + children.flatMap { $0.layer.stateBuffers(at: path + $0.name + ".") }
  }
}

extension Optimizer {
  /// The optimizer's state for ``range``, cut into the parameters that it belongs to:
  /// `optimizer/momentum/0.weight`. On every rank a tensor for each vector and parameter, with what this one has.
  package var stateTensors: [StateTensor<Scalar>] {
    state.flatMap { name, values in
      layout.stateTensors(of: values, range, prefix: "optimizer/\(name)/", owner: self)
    }
  }
}

extension ParameterLayout {
  /// A vector that runs along with a range of the flat memory, cut into the parameters that it belongs to.
  ///
  /// - Parameters:
  ///   - values: A value for each element of the range.
  ///   - range: The elements of the flat memory that this rank has.
  ///   - prefix: The prefix of the parameters' names.
  ///   - owner: An object that keeps the values alive.
  /// - Returns: A tensor for each parameter, on every rank, with what this one has of it.
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
