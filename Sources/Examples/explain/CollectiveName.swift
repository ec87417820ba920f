import AllReduce
import ArgumentParser

/// The collective operations, as a command line names them.
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
