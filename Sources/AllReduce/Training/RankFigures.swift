package import AllReduceMPI
package import AllReduceNN

/// What each rank has sent, and how much memory it uses: a number a rank.
package struct RankFigures: Sendable {
  /// Payload that each sent to other hosts, or as messages on its own.
  package let networkBytes: [Int]
  /// The bytes that each sent so that ranks agree about calls.
  package let agreementBytes: [Int]
  /// The bytes that each moved from and to memory of other ranks of its host.
  package let memoryBytes: [Int]
  /// The most memory that each had in use.
  package let peakBytes: [Int]
  /// The memory in use as proportional set size: of a page that n processes share, each counts 1/n; -1 where the system
  /// does not report it.
  package let proportionalBytes: [Int]
  /// The learned numbers that each holds.
  package let parameters: [Int]

  /// Gathers them. Collective.
  ///
  /// - Throws: ``MPIError``.
  package init<Scalar: NetworkScalar & ReducibleScalar>(of trainer: Trainer<Scalar>) throws {
    try self.init(trainer.traffic, trainer.network.parameterCount, over: trainer.world)
  }

  /// Gathers those of workers and servers. Collective.
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
