internal import AllReduceMPI
internal import AllReduceNN

/// Sums the largest numbers of the gradients of a group's ranks: see ``TopK``.
final class TopKExchange<Scalar: ReducibleScalar & BinaryFloatingPoint>: CompressedExchange {
  private let plan: CompressionPlan<Scalar>
  /// The error memory, with the same indices as the gradient.
  private let memory: KeptGradient<Scalar>
  private let scratch: TensorMemory<UInt32>
  private let messages: [SparseMessage]
  private var pending: PendingQueue

  init(_ plan: CompressionPlan<Scalar>, _ method: TopK) {
    self.plan = plan
    let communicator = plan.communicator
    let largest = plan.buckets.map(\.count).max() ?? 0
    precondition(
      largest <= UInt32.max,
      "a compressed bucket can have at most \(UInt32.max) numbers, not \(largest)")
    memory = KeptGradient(plan, method, count: plan.memory.count)
    scratch = TensorMemory(count: largest)
    messages = plan.buckets.map {
      SparseMessage(
        count: method.count(of: $0.count), stride: MemoryLayout<Scalar>.stride,
        ranks: communicator.size)
    }
    pending = PendingQueue(capacity: messages.count)
  }

  func start(bucket: Int) throws {
    let range = plan.buckets[bucket]
    let message = messages[bucket]
    guard let scratch = scratch.values.baseAddress, !range.isEmpty else { return }
    let rank = plan.communicator.rank
    memory.begin(range)
    memory.kernels.takeLargest(
      memory.kept(range.lowerBound), adding: memory.gradient(range.lowerBound), count: range.count,
      wanted: message.count, places: message.places(of: rank), numbers: message.numbers(of: rank),
      scratch: scratch)
    pending.append(
      try plan.communicator.start(
        .allGather, message.words.values, .sum,
        using: plan.communicator.resolveToSchedule(
          plan.algorithm,
          bytes: message.words.values.count * MemoryLayout<Int32>.stride),
        named: CallName.bucket(range.lowerBound)))
  }

  func finish() throws {
    try pending.waitForAll()
    for (range, message) in zip(plan.buckets, messages) {
      let sum = memory.gradient(range.lowerBound)
      sum.setToZero(count: range.count)
      // In the ranks' order, so that all get the same bits.
      for rank in 0..<plan.communicator.size {
        memory.kernels.add(
          message.numbers(of: rank), to: sum, at: message.places(of: rank), count: message.count)
      }
    }
  }
}

/// The message of a bucket: one block per rank, with the rank's largest numbers, then their indices.
private struct SparseMessage {
  let count: Int
  let stride: Int
  let wordsEach: Int
  let words: TensorMemory<Int32>

  init(count: Int, stride: Int, ranks: Int) {
    self.count = count
    self.stride = stride
    // Rounded up to two words, so that the next rank's numbers are aligned.
    wordsEach = (count * (stride / 4 + 1) + 1) / 2 * 2
    words = TensorMemory(count: wordsEach * ranks)
  }

  func numbers(of rank: Int) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(words.values.baseAddress! + rank * wordsEach)
  }

  func places(of rank: Int) -> UnsafeMutablePointer<UInt32> {
    (numbers(of: rank) + count * stride).assumingMemoryBound(to: UInt32.self)
  }
}
