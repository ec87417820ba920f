import AllReduce
import ArgumentParser

/// A collective operation, as a command line names it.
enum CollectiveName: String, CaseIterable, ExpressibleByArgument {
  case allReduce, reduceScatter, allGather, broadcast, reduce

  var hasRoot: Bool { self == .broadcast || self == .reduce }

  func operation(root: Int) -> Collective {
    switch self {
    case .allReduce: .allReduce
    case .reduceScatter: .reduceScatter
    case .allGather: .allGather
    case .broadcast: .broadcast(root: root)
    case .reduce: .reduce(root: root)
    }
  }
}
