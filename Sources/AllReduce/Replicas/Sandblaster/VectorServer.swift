internal import AllReduceMPI

/// A server that holds a shard of each vector, and carries out the orders of the coordinator and the workers in the
/// order of their arrival.
final class VectorServer {
  private let count: Int
  private let link: Communicator
  private var vectors: [Int: [Double]] = [:]

  init(count: Int, over link: Communicator) { (self.count, self.link) = (count, link) }

  /// Carries out orders until one says to stop.
  func serve() throws {
    var words = [Int64](repeating: 0, count: VectorOrder.wordCount)
    var wait = PatientWait(on: link)
    while true {
      guard let message = try link.probeIfAvailable(tag: VectorTag.order) else {
        // No deadline: a worker may take long to compute a portion, and the coordinator watches the workers.
        wait.rest(heard: monotonicNanoseconds(), of: [], "a server's wait for orders")
        continue
      }
      wait.wake()
      try link.receive(into: &words, from: message.source, tag: VectorTag.order)
      guard let order = VectorOrder(words: words) else {
        preconditionFailure("rank \(message.source) sent a server no order: \(words)")
      }
      if order.kind == .stop { return }
      try carryOut(order, of: message.source)
    }
  }

  private subscript(vector: Int) -> [Double] {
    get { vectors[vector] ?? [Double](repeating: 0, count: count) }
    set { vectors[vector] = newValue }
  }

  private func carryOut(_ order: VectorOrder, of rank: Int) throws {
    let (source, target) = (order.source, order.target)
    switch order.kind {
    case .clear: vectors[source] = nil
    case .copy: self[target] = self[source]
    case .add: VectorLoop.add(self[source], times: order.factor, to: &self[target])
    case .scale: VectorLoop.scale(&self[source], by: order.factor)
    case .multiply: VectorLoop.multiply(self[source], into: &self[target])
    case .dot:
      try link.send([VectorLoop.dot(self[source], self[target])], to: rank, tag: VectorTag.answer)
    case .read: try link.send(self[source], to: rank, tag: VectorTag.values)
    case .write:
      try link.receive(into: &self[source], from: rank, tag: VectorTag.values)
    case .gather:
      var more = [Double](repeating: 0, count: count)
      try link.receive(into: &more, from: rank, tag: VectorTag.values)
      VectorLoop.add(more, times: 1, to: &self[source])
      try link.send([0.0], to: rank, tag: VectorTag.answer)
    case .stop: break
    }
  }
}

/// The arithmetic on arrays.
enum VectorLoop {
  static func add(_ source: [Double], times factor: Double, to target: inout [Double]) {
    for index in target.indices { target[index] += factor * source[index] }
  }

  static func scale(_ vector: inout [Double], by factor: Double) {
    for index in vector.indices { vector[index] *= factor }
  }

  static func multiply(_ source: [Double], into target: inout [Double]) {
    for index in target.indices { target[index] *= source[index] }
  }

  static func dot(_ a: [Double], _ b: [Double]) -> Double {
    var sum = 0.0
    for index in a.indices { sum += a[index] * b[index] }
    return sum
  }
}
