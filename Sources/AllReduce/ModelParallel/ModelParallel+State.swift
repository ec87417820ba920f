internal import AllReduceMPI
public import AllReduceNN

extension ModelParallel {
  /// What a ``Checkpoint`` keeps of the training, with this rank's part of each: parameters and running
  /// averages, and what the optimizer remembers.
  ///
  /// The names and shapes are those of the whole network, as ``DataParallel/stateTensors`` has them: a
  /// training may go on with weights divided over other ranks, or not divided.
  ///
  /// - Parameter update: Made for the network's layout.
  /// - Returns: The same names and shapes on all ranks.
  public func stateTensors(of update: Optimizer<Scalar>) -> [StateTensor<Scalar>] {
    network.stateTensors + network.layout.stateTensors(of: update.state, range: update.range)
  }
}
