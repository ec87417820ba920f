import AllReduce

/// In what one rank's call differs from the others'.
enum Mismatch: String, CaseIterable {
  case type, sizeWithOtherType, smaller, larger, muchLarger, empty, emptyOthers, operation, mean
  case rootOfBroadcast, rootOfReduce, broadcast, reduceScatter, wireFormat, arrayForArena
  case otherArena, algorithm, orderOfUnlike, orderOfNamed, absent, crossed

  /// Whether the job ends, so that the cell needs a launch of its own.
  var endsJob: Bool { self == .absent || self == .crossed }

  /// Whether the differing calls are right together where the algorithm does not care.
  var mayBeRight: Bool { self == .arrayForArena || self == .otherArena }

  /// Whether only an all-reduce of numbers in an array or arena is meant, which can be started.
  var isAllReduce: Bool {
    ![.rootOfBroadcast, .rootOfReduce, .broadcast, .reduceScatter].contains(self)
  }
}

/// A cell of the matrix: `mismatch/ALGORITHM/COUNT/FLAVOUR/DEVIATOR`.
struct MismatchCell {
  /// How the calls are made, and on what memory.
  enum Flavour: String, CaseIterable {
    case blocking, started, arena, startedArena

    var isStarted: Bool { self == .started || self == .startedArena }
    var isInArena: Bool { self == .arena || self == .startedArena }
  }

  enum Deviator: String {
    case first, last

    func rank(of size: Int) -> Int { self == .first ? 0 : size - 1 }
  }

  let mismatch: Mismatch
  let algorithm: ReductionAlgorithm
  let count: Int
  let flavour: Flavour
  let deviator: Deviator

  var name: String {
    [mismatch.rawValue, algorithm.name, "\(count)", flavour.rawValue, deviator.rawValue]
      .joined(separator: "/")
  }

  init(
    _ mismatch: Mismatch, _ algorithm: ReductionAlgorithm, count: Int, _ flavour: Flavour,
    _ deviator: Deviator
  ) {
    self.mismatch = mismatch
    self.algorithm = algorithm
    self.count = count
    self.flavour = flavour
    self.deviator = deviator
  }

  init?(_ name: String) {
    let words = name.split(separator: "/").map(String.init)
    guard words.count == 5, let mismatch = Mismatch(rawValue: words[0]),
      let algorithm = ReductionAlgorithm(name: words[1]), let count = Int(words[2]),
      let flavour = Flavour(rawValue: words[3]), let deviator = Deviator(rawValue: words[4])
    else { return nil }
    self.init(mismatch, algorithm, count: count, flavour, deviator)
  }

  /// The calls that a rank makes, in its order.
  func calls(of rank: Int, size: Int) -> [Call] {
    let deviates = rank == deviator.rank(of: size)
    var call = Call(count: count, algorithm: algorithm)
    call.place = flavour.isInArena ? .arena : .array
    call.isStarted = flavour.isStarted
    let (usualRoot, otherRoot) = deviator == .first ? (size - 1, 0) : (0, size - 1)
    switch mismatch {
    case .orderOfUnlike:
      var (first, second) = (call, call)
      first.salt = 1
      second.type = .int32
      second.count = count / 3
      return deviates ? [second, first] : [first, second]
    case .orderOfNamed:
      var (first, second) = (call, call)
      first.name = "a"
      second.name = "b"
      (first.salt, second.salt) = (1, 2)
      return deviates ? [second, first] : [first, second]
    case .rootOfBroadcast: call.kind = .broadcast(root: usualRoot)
    case .rootOfReduce: call.kind = .reduce(root: usualRoot)
    case .reduceScatter: call.kind = .allGather
    case .emptyOthers: call.count = deviates ? count : 0
    case .arrayForArena, .otherArena: call.place = .arena
    default: break
    }
    return [deviates ? deviating(from: call, to: otherRoot) : call]
  }

  private func deviating(from usual: Call, to otherRoot: Int) -> Call {
    var call = usual
    switch mismatch {
    case .type: call.type = .int32
    case .sizeWithOtherType:
      call.type = .double
      call.count = count / 2
    case .smaller: call.count = count - 1
    case .larger: call.count = count + 1
    case .muchLarger: call.count = count * 100
    case .empty: call.count = 0
    case .operation: call.operation = .maximum
    case .mean: call.operation = .mean
    case .rootOfBroadcast: call.kind = .broadcast(root: otherRoot)
    case .rootOfReduce: call.kind = .reduce(root: otherRoot)
    case .broadcast: call.kind = .broadcast(root: 0)
    case .reduceScatter: call.kind = .reduceScatter
    case .wireFormat: call.wireFormat = .bfloat16
    case .arrayForArena: call.place = .array
    case .otherArena: call.place = .otherArena
    case .algorithm: call.algorithm = MismatchCell.other(than: algorithm)
    case .emptyOthers, .orderOfUnlike, .orderOfNamed, .absent, .crossed: break
    }
    return call
  }

  /// The algorithm that the deviating rank asks for.
  static func other(than algorithm: ReductionAlgorithm) -> ReductionAlgorithm {
    switch algorithm {
    case .ring: .tree
    case .recursiveDoubling: .halvingDoubling
    case .doubleTree: .tree
    case .gatherAndReduce: .recursiveDoubling
    default: .ring
    }
  }
}
