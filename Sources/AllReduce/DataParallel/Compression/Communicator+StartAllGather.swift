internal import AllReduceMPI

extension Communicator {
  /// Starts an all-gather of equal blocks, one a rank, and returns; waiting ends it. Collective.
  func startAllGather<Scalar: ReducibleScalar>(
    inPlace values: UnsafeMutableBufferPointer<Scalar>, using requested: ReductionAlgorithm
  ) -> PendingReduction {
    guard let base = values.baseAddress, size > 1 else {
      return PendingReduction(communicator: self)
    }
    let type = Scalar.scalarType
    let run = start(
      .allGather, on: base, count: values.count, ReductionKernel.of(.sum, type),
      using: resolveToSchedule(requested, bytes: values.count * type.stride), wireFormat: .full)
    add(run)
    return PendingReduction(run: run, communicator: self)
  }
}
