import AllReduce
import CAllocationCount

// Counts what the calls after the first allocate: a line a way of reducing and size, from rank 0.
try MPI.run { world in
  func count(_ name: String, _ bytes: Int, _ call: () throws -> Void) throws {
    for _ in 0..<200 { try call() }
    let before = allocation_count()
    for _ in 0..<100 { try call() }
    let mine = allocation_count() - before
    let all = try world.allReduce(mine, .sum)
    if world.isRoot { print("\(name) \(bytes) \(all)") }
  }
  for bytes in [4, 1000, 30_000, 1 << 20] {
    let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: bytes / 4)
    values.initialize(repeating: 0)
    defer { values.deallocate() }
    for algorithm in ReductionAlgorithm.all where algorithm != .native {
      if algorithm == .sharedMemory && world.hosts.count > 1 { continue }
      try count("\(algorithm)", bytes) { try world.allReduce(values, .mean, using: algorithm) }
      for operation in [ReductionOperation.mean, .maximum] {
        try count("\(algorithm)-bfloat16", bytes) {
          try world.allReduce(values, operation, using: algorithm, wireFormat: .bfloat16)
        }
      }
    }
    let arena = try Arena<Float>(count: bytes / 4, over: world)
    try count("arena", bytes) { try world.allReduce(arena.all, .mean) }
    try count("startInArena", bytes) { try world.startAllReduce(arena.all, .mean).wait() }
    for start in ReductionStart.allCases {
      let reducer = try GradientReducer<Float>(
        count: bytes / 4, over: world, start: start, bucketBytes: 64 << 10)
      try count("reducer-\(start)", bytes) {
        reducer.begin(BatchScore(examples: 1))
        try reducer.isReady(0..<bytes / 4)
        _ = try reducer.finishSum()
      }
    }
    let compressions: [any GradientCompression] = [.topK(0.01), .powerSGD(4)]
    for compression in compressions {
      let reducer = try GradientReducer<Float>(
        count: bytes / 4, over: world, compression: compression,
        matrices: bytes < 100 ? [] : [GradientMatrix(start: 0, rows: 10, columns: bytes / 40)],
        start: .duringBackward, bucketBytes: 64 << 10)
      try count(compression.name, bytes) {
        reducer.begin(BatchScore(examples: 1))
        try reducer.isReady(0..<bytes / 4)
        _ = try reducer.finishSum()
      }
    }
    try count("start", bytes) { try world.startAllReduce(values, .mean).wait() }
  }
}
