internal import AllReduceMPI
internal import AllReduceNN

extension ModelParallel {
  /// What a ``Checkpoint`` keeps of the training, with this rank's part of each: parameters and running
  /// averages, and what the optimizer remembers.
  ///
  /// The names and shapes are those of the whole network, as ``DataParallel/stateTensors`` has them: a
  /// training may go on with weights divided over other ranks, or not divided.
  ///
  /// The same names and shapes on all ranks.
  public var stateTensors: [StateTensor<Scalar>] {
    network.stateTensors + exchange.stateTensors
  }
}
