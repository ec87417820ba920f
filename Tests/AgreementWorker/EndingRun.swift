import AllReduce
import Foundation

extension MismatchCell {
  /// Makes calls after which the job must end by itself, before this returns on any rank.
  ///
  /// Writes a line when the deviating rank begins, with the time. Every rank of `world` must call it.
  func runToTheEnd(on world: Communicator) throws {
    let deviates = world.rank == deviator.rank(of: world.size)
    let communicators = [try world.duplicate(), try world.duplicate()]
    try world.barrier()
    if deviates { Report.line("begin", name, String(Date().timeIntervalSince1970)) }
    if mismatch == .absent && deviates {
      sleep(UInt32(deadline) + 6)
    } else {
      let order = mismatch == .crossed ? (deviates ? [1, 0] : [0, 1]) : [0]
      for index in order {
        let call = Call(count: count, algorithm: algorithm)
        let memory = call.makeMemory(nil, rank: world.rank)
        _ = try call.run(on: communicators[index], memory, nil)
      }
    }
    Report.verdict(
      name, rank: world.rank, mark: "-", faults: ["went on, as if all were well"], seconds: 0)
    try world.barrier()
  }
}
