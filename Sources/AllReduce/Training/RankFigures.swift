package import AllReduceMPI
package import AllReduceNN

/// The bytes that each rank has sent, its memory use, and its number of parameters. Each array has one element per
/// rank.
package struct RankFigures: Sendable {
  /// The bytes of data that each rank sent as messages to other hosts.
  package let networkBytes: [Int]
  /// The bytes of messages without data that each rank sent to other hosts, such as those by which ranks agree about a
  /// call.
  package let agreementBytes: [Int]
  /// The bytes that each rank exchanged with other ranks of its host, through shared memory or as messages.
  package let memoryBytes: [Int]
  /// The peak resident memory of each rank's process, in bytes.
  package let peakBytes: [Int]
  /// The proportional set size of each rank's process, in bytes: a page that n processes share counts 1/n. -1 where the
  /// system does not report it.
  package let proportionalBytes: [Int]
  /// The number of parameters that each rank holds.
  package let parameters: [Int]

  /// Gathers the figures of all ranks of a trainer. Collective.
  ///
  /// - Throws: ``MPIError``.
  package init<Scalar: NetworkScalar & ReducibleScalar>(of trainer: Trainer<Scalar>) throws {
    try self.init(trainer.traffic, trainer.network.parameterCount, over: trainer.world)
  }

  /// Gathers the figures of all workers and servers of a training run with parameter servers. Collective.
  ///
  /// - Throws: ``MPIError``.
  package init<Scalar: NetworkScalar & ReducibleScalar>(
    of training: ServedTraining<Scalar>
  ) throws {
    try self.init(
      training.tally.traffic,
      training.server?.shard.parameterCount ?? training.trainer.network.parameterCount,
      over: training.world)
  }

  private init(_ traffic: Traffic, _ parameterCount: Int, over world: Communicator) throws {
    let own = [
      traffic.networkBytesSent, traffic.memoryBytesExchanged, ProcessMemory.peakResidentBytes,
      parameterCount, ProcessMemory.proportionalBytes ?? -1,
      traffic.agreementBytesSent,
    ]
    let all = try world.allGather(own.map(Int64.init))
    func every(_ first: Int) -> [Int] {
      stride(from: first, to: all.count, by: own.count).map { Int(all[$0]) }
    }
    (networkBytes, memoryBytes, peakBytes) = (every(0), every(1), every(2))
    (parameters, proportionalBytes, agreementBytes) = (every(3), every(4), every(5))
  }
}
