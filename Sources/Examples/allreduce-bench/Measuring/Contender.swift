import AllReduce
import ArgumentParser

/// Something whose time is measured: an all-reduce with some algorithm, or a yardstick to compare it with.
enum Contender: Hashable {
  /// An all-reduce. The algorithm may be `automatic` on the command line, but is resolved before it runs.
  case allReduce(ReductionAlgorithm)
  /// All ranks copy a buffer at the same time: the least time that it takes to move the bytes through memory.
  case memcpy
  /// The ranks of a host add up buffers in shared memory in one pass: the least time that an all-reduce in shared
  /// memory takes.
  case limit
  /// One host sends a stream of bytes to another: the least time that the network takes.
  case tcp

  /// All contenders that a command line can name.
  static let all: [Contender] =
    ReductionAlgorithm.all.filter { $0 != .automatic }.map { .allReduce($0) }
    + [.allReduce(.automatic), .limit, .memcpy, .tcp]

  /// The contender's name in options and output.
  var name: String {
    switch self {
    case .allReduce(let algorithm): algorithm.name
    case .memcpy: "memcpy"
    case .limit: "limit"
    case .tcp: "tcp"
    }
  }

  /// Whether the contender is a yardstick rather than an all-reduce.
  var isYardstick: Bool {
    if case .allReduce = self { false } else { true }
  }

  /// Returns why the contender cannot run on this number of hosts with this wire format; nil if it can.
  func hindrance(hosts: Int, _ wireFormat: WireFormat) -> String? {
    switch self {
    case .allReduce(.native) where wireFormat != .full:
      "native is MPI's own and cannot send elements as \(wireFormat)"
    case .tcp where hosts == 1: "tcp needs two hosts"
    case .allReduce(.sharedMemory) where hosts > 1: "sharedMemory needs all ranks on one host"
    default: nil
    }
  }

  /// Whether the contender can run on this number of hosts and differs from all others there; by default, only such
  /// contenders are measured.
  func isOfInterest(hosts: Int, _ wireFormat: WireFormat) -> Bool {
    hindrance(hosts: hosts, wireFormat) == nil && !(hosts == 1 && self == .allReduce(.hierarchical))
  }

  /// Parses the names in `argument`, separated by commas, into contenders without duplicates.
  static func list(_ argument: String) throws -> [Contender] {
    var list: [Contender] = []
    for name in argument.split(separator: ",", omittingEmptySubsequences: false) {
      guard let contender = all.first(where: { $0.name == name }) else {
        throw ValidationError(
          "'\(name)' is none of \(all.map(\.name).joined(separator: ", "))")
      }
      if !list.contains(contender) { list.append(contender) }
    }
    return list
  }

  /// Returns this contender with messages of at most this number of bytes.
  func segmented(bytes: Int) -> Contender {
    switch self {
    case .allReduce(let algorithm): .allReduce(algorithm.segmented(bytes: bytes))
    case .memcpy, .limit, .tcp: self
    }
  }

  /// Returns the contender with `automatic` replaced by the algorithm that it chooses on `world` for `count` elements.
  func resolved<Scalar: ReducibleScalar>(
    in world: Communicator, count: Int, of type: Scalar.Type, _ buffers: Buffers,
    _ wireFormat: WireFormat
  ) -> Contender {
    switch self {
    case .allReduce(let algorithm):
      .allReduce(
        world.algorithm(
          for: algorithm, count: count, of: type, isInArena: buffers == .arena,
          wireFormat: wireFormat))
    case .memcpy, .limit, .tcp: self
    }
  }

  /// Returns the format in which elements are sent if `requested` is asked for: `full` where the contender does not
  /// send them as this library's messages.
  func wireFormat(_ requested: WireFormat, hosts: Int) -> WireFormat {
    switch self {
    case .allReduce(.sharedMemory), .allReduce(.native), .memcpy, .limit, .tcp: .full
    case .allReduce(let algorithm):
      algorithm.name == ReductionAlgorithm.hierarchical.name && hosts == 1 ? .full : requested
    }
  }

  /// Returns the kinds of buffers in which the contender is measured.
  func buffers(_ choice: Buffers.Choice) -> [Buffers] {
    switch self {
    case .limit: return [.arena]
    case .memcpy, .tcp: return [.array]
    case .allReduce(let algorithm):
      switch choice {
      case .arena: return [.arena]
      case .array: return [.array]
      case .both:
        let canTell: [ReductionAlgorithm] = [.sharedMemory, .hierarchical, .automatic]
        return canTell.contains { $0.name == algorithm.name } ? [.arena, .array] : [.array]
      }
    }
  }
}
