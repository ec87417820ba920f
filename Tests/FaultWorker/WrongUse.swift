import AllReduce
import AllReduceMPI
import Foundation

/// Calls something with what it does not take, as an argument says: "misuse-color".
///
/// - Returns: Whether there is such a misuse; it does not return where it is refused.
func runWrongUse(_ fault: String, on world: Communicator) throws -> Bool {
  guard fault.hasPrefix("misuse-") else { return false }
  let last = world.rank == world.size - 1
  switch fault.dropFirst("misuse-".count) {
  case "color": _ = try world.split(color: last ? -1 : 0)
  case "large-color": _ = try world.split(color: last ? 1 << 40 : 0)
  case "key": _ = try world.split(color: 0, key: last ? 1 << 40 : 0)
  case "tag": if last { try world.send([1 as Float], to: 0, tag: 1 << 40) }
  case "negative-tag": if last { _ = try world.startReceive(Float.self, count: 1, tag: -2) }
  case "destination": if last { try world.send([1 as Float], to: world.size) }
  case "count": if last { _ = try world.startReceive(Float.self, count: -1) }
  case "large-count": if last { _ = try world.startReceive(Double.self, count: 1 << 62) }
  case "root": if last { _ = try world.broadcast("", from: -1) }
  case "layer": if last { _ = Dense<Float>(0, 10) }
  case "nested": if last { try MPI.run { _ in } }
  case "thread":
    guard last else {
      sleep(5)
      break
    }
    nonisolated(unsafe) let world = world
    Thread { try? world.barrier() }.start()
    sleep(5)
  default: return false
  }
  try world.barrier()
  return true
}
