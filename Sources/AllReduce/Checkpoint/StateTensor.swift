public import AllReduceNN

/// Some elements of a tensor: runs of equal length at equal distances, in row-major order.
///
/// Whatever is split over ranks is made of such pieces: a slice of the flat memory is one run; some columns
/// of a matrix are a run a row.
public struct StatePiece: Hashable, Sendable {
  /// The first element, counted in the whole tensor.
  public let first: Int
  /// The elements of a run.
  public let runLength: Int
  /// From the start of a run to that of the next; nothing overlaps.
  public let distance: Int
  /// The runs.
  public let runs: Int

  /// Describes runs.
  ///
  /// - Precondition: Nothing is negative; runs are not longer than their distance.
  public init(first: Int, runLength: Int, distance: Int, runs: Int) {
    precondition(
      first >= 0 && runLength >= 0 && runs >= 0 && distance >= max(runLength, 1),
      "\(runs) runs of \(runLength) elements cannot begin at \(first), \(distance) apart")
    self.first = first
    self.runLength = runLength
    self.distance = distance
    self.runs = runs
  }

  /// Elements that lie side by side.
  public init(_ elements: Range<Int>) {
    self.init(
      first: elements.lowerBound, runLength: elements.count, distance: max(elements.count, 1),
      runs: 1)
  }

  /// Columns of a matrix of so many columns; of a tensor, its first dimension being the rows.
  public init(columns: Range<Int>, of width: Int, rows: Int) {
    self.init(
      first: columns.lowerBound, runLength: columns.count, distance: max(width, 1), runs: rows)
  }

  /// How many elements there are.
  public var count: Int { runLength * runs }

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

/// What a rank holds of a tensor that belongs to a training's state.
///
/// All ranks together hold every element; several may hold the same ones. A rank may hold none.
public struct StateTensor<Scalar: NetworkScalar> {
  /// Its name in a checkpoint.
  public let name: String
  /// The sizes of the whole tensor.
  public let shape: Shape
  /// The pieces that this rank holds, each with its memory: the runs, one after the other.
  public let parts: [(piece: StatePiece, values: UnsafeMutableBufferPointer<Scalar>)]
  /// Keeps the memory alive.
  private let owner: Tensor<Scalar>?

  /// Describes what this rank holds. The memory must outlive this value.
  ///
  /// - Precondition: Pieces are within the tensor and have memory for their elements.
  public init(
    _ name: String, shape: Shape,
    parts: [(piece: StatePiece, values: UnsafeMutableBufferPointer<Scalar>)]
  ) {
    for (piece, values) in parts {
      precondition(
        piece.count == values.count && piece.end <= shape.count,
        "\(name) \(shape) has no piece \(piece) in memory of \(values.count) elements")
    }
    self.name = name
    self.shape = shape
    self.parts = parts
    owner = nil
  }

  /// A tensor that this rank holds all of; keeps its memory.
  public init(_ name: String, whole tensor: Tensor<Scalar>) {
    self.name = name
    shape = tensor.shape
    parts = [(StatePiece(0..<tensor.count), tensor.values)]
    owner = tensor
  }
}

extension Network {
  /// The parameters and buffers, by their paths ("0.weight", "1.runningMean"): all of each.
  public var stateTensors: [StateTensor<Scalar>] {
    parameters.map { StateTensor($0.name, whole: $0.values) }
      + root.allBuffers.map { StateTensor($0.name, whole: $0.tensor) }
  }
}

extension ParameterLayout {
  /// Vectors that run along with the flat memory, cut into the parameters that they belong to.
  ///
  /// Such as what an optimizer remembers (``ParameterUpdate/state``), of all parameters or of a rank's
  /// slice: `optimizer/momentum/0.weight`.
  ///
  /// - Parameters:
  ///   - vectors: Each as long as `range`.
  ///   - range: The elements of the flat memory that this rank has.
  ///   - prefix: What names begin with.
  /// - Returns: A tensor for each vector and parameter, on every rank, with what this one has of it.
  public func stateTensors(
    of vectors: [(name: String, values: UnsafeMutableBufferPointer<Scalar>)], range: Range<Int>,
    prefix: String = "optimizer"
  ) -> [StateTensor<Scalar>] {
    vectors.flatMap { name, values in
      zip(parameters, ranges).map { parameter, elements in
        let own = elements.clamped(to: range)
        let (start, end) = (own.lowerBound - range.lowerBound, own.upperBound - range.lowerBound)
        let first = own.lowerBound - elements.lowerBound
        return StateTensor(
          "\(prefix)/\(name)/\(parameter.name)", shape: parameter.shape,
          parts: own.isEmpty
            ? []
            : [
              (
                StatePiece(first..<first + own.count),
                UnsafeMutableBufferPointer(rebasing: values[start..<end])
              )
            ])
      }
    }
  }
}
