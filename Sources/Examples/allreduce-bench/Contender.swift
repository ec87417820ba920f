import AllReduce
import ArgumentParser

/// Something whose time is measured: an all-reduce by some algorithm, or a yardstick.
enum Contender: Hashable {
  /// An all-reduce; on the command line it may be `automatic`, when it runs it never is.
  case allReduce(ReductionAlgorithm)
  /// All ranks copy a buffer at once: what moving the bytes through memory costs at least.
  case memcpy

  /// Everything that can be compared.
  static let all: [Contender] =
    ReductionAlgorithm.all.filter { $0 != .automatic }.map { .allReduce($0) }
    + [.allReduce(.automatic), .memcpy]

  /// The name used in options and output.
  var name: String {
    switch self {
    case .allReduce(let algorithm): algorithm.name
    case .memcpy: "memcpy"
    }
  }

  /// Whether it computes nothing and is there to compare with.
  var isYardstick: Bool { self == .memcpy }

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

  /// The same with messages of at most so many bytes.
  func segmented(bytes: Int) -> Contender {
    switch self {
    case .allReduce(let algorithm): .allReduce(algorithm.segmented(bytes: bytes))
    case .memcpy: self
    }
  }

  /// What runs on `world` for a buffer of `count` elements.
  func resolved<Scalar: ReducibleScalar>(
    in world: Communicator, count: Int, of type: Scalar.Type
  ) -> Contender {
    switch self {
    case .allReduce(let algorithm):
      .allReduce(world.algorithm(for: algorithm, count: count, of: type))
    case .memcpy: self
    }
  }
}
