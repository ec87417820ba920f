internal import AllReduceMPI

/// A worker that computes portions of a sum, and pushes their gradients to the servers.
final class PortionWorker {
  private let vectors: ShardedVectors
  private let link: Communicator
  private var point: [Double]
  private var gradient: [Double]
  private var gathered: [Double]

  init(_ vectors: ShardedVectors, count: Int, over link: Communicator) {
    (self.vectors, self.link) = (vectors, link)
    point = [Double](repeating: 0, count: count)
    (gradient, gathered) = (point, point)
  }

  /// Computes the portions that the coordinator assigns, until the coordinator stops it.
  func work(_ blocks: BlockPartition, _ portion: Sandblaster.Portion) throws {
    var evaluation = 0
    while true {
      try send(PortionMessage(.ready))
      let order = try nextOrder()
      switch order.kind {
      case .compute:
        if order.evaluation != evaluation {
          try vectors.read(LimitedMemoryBFGS.Vector.point, into: &point)
          evaluation = order.evaluation
        }
        for index in gradient.indices { gradient[index] = 0 }
        let value = try portion(point, blocks[order.portion], &gradient)
        try send(
          PortionMessage(.done, evaluation: evaluation, portion: order.portion, value: value))
        if try nextOrder().kind == .accepted {
          VectorLoop.add(gradient, times: 1, to: &gathered)
        }
      case .flush:
        try push()
        try send(PortionMessage(.flushed))
      default: return
      }
    }
  }

  /// Computes all portions on this rank and pushes the gradient. Returns the sum of the values.
  func computeAll(_ blocks: BlockPartition, _ portion: Sandblaster.Portion) throws -> Double {
    try vectors.read(LimitedMemoryBFGS.Vector.point, into: &point)
    var sum = 0.0
    for block in blocks { sum += try portion(point, block, &gathered) }
    try push()
    return sum
  }

  private func push() throws {
    try vectors.gather(LimitedMemoryBFGS.Vector.gradient, gathered)
    for index in gathered.indices { gathered[index] = 0 }
  }

  private func nextOrder() throws -> PortionMessage {
    let (_, words) = try link.waitPatiently(
      from: 0, tag: VectorTag.work, count: PortionMessage.wordCount, hasDeadline: false,
      awaiting: [0], "a worker's wait for the coordinator")
    guard let order = PortionMessage(words: words) else {
      preconditionFailure("the coordinator sent no order: \(words)")
    }
    return order
  }

  private func send(_ message: PortionMessage) throws {
    try link.send(message.words, to: 0, tag: VectorTag.report)
  }
}
