import Foundation

/// The Python of `Benchmarks/peers-setup gloo`, which has PyTorch and TensorBoard.
enum PeersPython {
  static var path: String {
    let home = FileManager.default.homeDirectoryForCurrentUser.path
    let peers =
      ProcessInfo.processInfo.environment["ALLREDUCE_PEERS"] ?? "\(home)/.cache/allreduce-peers"
    return "\(peers)/gloo/bin/python"
  }
}
