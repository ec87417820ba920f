import AllReduce
import ArgumentParser

/// Something whose time is measured: an all-reduce by some algorithm, or a yardstick.
enum Contender: Hashable {
  /// An all-reduce; on the command line it may be `automatic`, when it runs it never is.
  case allReduce(ReductionAlgorithm)
  /// All ranks copy a buffer at once: what moving the bytes through memory costs at least.
  case memcpy
  /// The ranks of a host add up what lies in shared memory, in one pass: what an all-reduce there
  /// costs at least.
  case limit
  /// A stream of bytes from one host to another: what the wire costs at least.
  case tcp

  /// Everything that can be compared.
  static let all: [Contender] =
    ReductionAlgorithm.all.filter { $0 != .automatic }.map { .allReduce($0) }
    + [.allReduce(.automatic), .limit, .memcpy, .tcp]

  /// The name used in options and output.
  var name: String {
    switch self {
    case .allReduce(let algorithm): algorithm.name
    case .memcpy: "memcpy"
    case .limit: "limit"
    case .tcp: "tcp"
    }
  }

  /// Whether it is there to compare with.
  var isYardstick: Bool {
    if case .allReduce = self { false } else { true }
  }

  /// Why it cannot run on this many hosts with such messages; nil if it can.
  func hindrance(hosts: Int, _ wireFormat: WireFormat) -> String? {
    switch self {
    case .allReduce(.native) where wireFormat != .full:
      "native is MPI's own and cannot send elements as \(wireFormat)"
    case .tcp where hosts == 1: "tcp needs two hosts"
    case .allReduce(.sharedMemory) where hosts > 1: "sharedMemory needs all ranks on one host"
    default: nil
    }
  }

  /// Whether it says anything of its own on this many hosts: by default the others are left out.
  func isOfInterest(hosts: Int, _ wireFormat: WireFormat) -> Bool {
    hindrance(hosts: hosts, wireFormat) == nil && !(hosts == 1 && self == .allReduce(.hierarchical))
  }

  /// The contenders whose names stand in `argument`, separated by commas; each once.
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

  /// The same with messages of at most this many bytes.
  func segmented(bytes: Int) -> Contender {
    switch self {
    case .allReduce(let algorithm): .allReduce(algorithm.segmented(bytes: bytes))
    case .memcpy, .limit, .tcp: self
    }
  }

  /// The algorithm that runs on `world` for a buffer of `count` elements.
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

  /// How elements travel if such a format is asked for: as they are where they are no messages.
  func wireFormat(_ requested: WireFormat, hosts: Int) -> WireFormat {
    switch self {
    case .allReduce(.sharedMemory), .allReduce(.native), .memcpy, .limit, .tcp: .full
    case .allReduce(let algorithm):
      algorithm.name == ReductionAlgorithm.hierarchical.name && hosts == 1 ? .full : requested
    }
  }

  /// In which buffers it is measured.
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
