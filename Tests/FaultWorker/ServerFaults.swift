import AllReduce
import AllReduceMPI
import Foundation

/// A server and workers of which the last one is slow: it gives signs of life, or none.
///
/// - Returns: False if there is no such fault.
func runServerFault(_ fault: String, on world: Communicator) throws -> Bool {
  guard ["slow-worker", "silent-worker", "held-push"].contains(fault) else { return false }
  let network = try Network<Float>(Dense(8, 4), input: [8])
  let layout = network.layout
  let roles = try ServerRoles(
    ranks: world.size, servers: 1, elements: layout.reserved..<layout.count)
  let memory = try WorkerMemory<Float>(count: layout.count, roles, over: world)
  let link = try world.duplicate()
  if roles.shard(of: world.rank) != nil {
    let shard = ServedShard(
      roles.shards[0], of: network, SGD(), PlainRule(), workers: roles.workers.count)
    try ShardServer(shard, roles, memory, over: link).serve(
      0..<1000, bound: fault == "held-push" ? 0 : nil)
    return true
  }
  let client = ShardClient(roles, memory, over: link)
  client.begin()
  if world.rank == roles.workers.upperBound - 1 {
    // Longer than the deadline in all.
    if fault == "silent-worker" { sleep(60) }
    for _ in 0..<8 {
      try client.askForBatch()
      usleep(500_000)
      _ = try client.takeBatch()
    }
    if fault == "held-push" {
      try client.askForWeights(first: 0, need: 0)
      _ = try client.takeWeights()
    }
  } else if fault == "held-push" {
    // It must not be in the weights that the other worker reads first.
    try client.push(0, number: 1, seen: [0], rate: 0.1, scale: 1)
    try client.waitForBuffer(0)
  } else {
    // Waits for the other worker's clock.
    try client.tick()
    try client.askForWeights(first: 1, need: 1)
    _ = try client.takeWeights()
  }
  if world.rank == roles.workers.upperBound - 1 { try client.tick() }
  try client.end()
  return true
}
