import AllReduce
import ArgumentParser
import ExampleSupport

/// The command line of allreduce-bench.
struct BenchOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      What to compare, separated by commas; of \(Contender.all.map(\.name).joined(separator: ", ")) \
      (default: all that differ on these hosts).
      """, valueName: "names"),
    transform: Contender.list)
  var algorithms: [Contender]?

  @Option(
    help: """
      Where the elements live: arena, memory that the ranks of a host share; array, memory of each \
      rank's own; both measures in an arena too what runs otherwise there.
      """)
  var buffers: Buffers.Choice = .both

  @Option(
    help: ArgumentHelp(
      """
      Bytes of a rank's buffer: a range such as 4...256Mi or a list such as 64,1Ki,16Mi; plain \
      integers or with Ki, Mi, Gi; multiples of the element's size (default: 4...256Mi, or \
      8...256Mi for elements of 8 bytes).
      """, valueName: "sizes"),
    transform: ByteSizes.init(argument:))
  var bytes: ByteSizes?

  @Option(
    help: ArgumentHelp(
      "How much larger each size of a range is than the one before (default: 4).",
      valueName: "factor"))
  var factor: Int?

  // These options have no default value, because help would show it as a raw value.
  @Option(name: .customLong("type"), help: "The element type (default: float).")
  var requestedType: ScalarType?

  @Option(
    name: .customLong("operation"), help: "How the elements are combined (default: sum).")
  var requestedOperation: ReductionOperation?

  @Option(
    name: .customLong("wire-format"),
    help: """
      How elements of --type float travel as messages (default: full). 16 bits round means and the \
      sums of many ranks, which are then not checked.
      """)
  var requestedWireFormat: WireFormat?

  @Option(
    help: ArgumentHelp(
      "Calls of each algorithm at each size before measuring (default: 10, fewer if large).",
      valueName: "count"))
  var warmup: Int?

  @Option(
    help: ArgumentHelp(
      "Measured calls of each algorithm at each size (default: as many as --seconds allows).",
      valueName: "count"))
  var iterations: Int?

  @Option(
    help: ArgumentHelp(
      """
      How long to measure each algorithm at each size, the rewriting of buffers included; at least \
      7 calls (default: 0.3, and at most 5000 calls).
      """, valueName: "seconds"))
  var seconds: Double?

  @Flag(
    inversion: .prefixedNo,
    help: """
      The result replaces the rank's elements, as allReduce does. Otherwise they stay in a buffer of \
      their own, and the time includes copying them from there.
      """)
  var inPlace = true

  @Option(
    help: ArgumentHelp(
      "The largest number of bytes in a message (default: the algorithm's own choice).",
      valueName: "bytes"))
  var segment: ByteCount?

  @Option(help: "table for people; csv or json for programs.")
  var format: BenchFormat = .table

  @Option(help: "The seed of the elements and of the order in which the algorithms take turns.")
  var seed: UInt64 = 1

  @Flag(inversion: .prefixedNo, help: "Checks the result of every call, outside the clock.")
  var verify = true

  @Option(
    help: ArgumentHelp("Draws the median times into this file, as SVG.", valueName: "file"))
  var plot: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      """
      Times of other systems to compare with: files with lines of bytes,median_us as \
      Benchmarks/allreduce_peer.c prints them, each named like its system.
      """, valueName: "file"))
  var peers: [String] = []

  @Option(
    help: ArgumentHelp(
      """
      Measures what automatic should take on these ranks, and adds it to this file. Takes about a \
      minute: --seconds is 0.2, and the default sizes, 4...64Mi, end before one that would take \
      more than 75 times that. Goes with --bytes, --factor, --seconds and --seed.
      """, valueName: "file"))
  var tune: String?

  /// A rank whose results are falsified in one element, to show that wrong results are detected.
  @Option(help: .hidden)
  var falsify: Int?

  var type: ScalarType { requestedType ?? .float }
  var operation: ReductionOperation { requestedOperation ?? .sum }
  var wireFormat: WireFormat { requestedWireFormat ?? .full }

  /// The sizes to measure, in bytes.
  var sizes: [Int] {
    let sizes = bytes ?? .range(first: type.stride, last: (tune == nil ? 256 : 64) << 20)
    return sizes.list(factor: factor ?? 4)
  }

  /// Returns the contenders that run on this number of hosts, with the segment size that was asked for.
  func contenders(hosts: Int) -> [Contender] {
    let chosen =
      algorithms?.filter { $0.hindrance(hosts: hosts, wireFormat) == nil }
      ?? Contender.all.filter { $0.isOfInterest(hosts: hosts, wireFormat) }
    guard let segment else { return chosen }
    return chosen.map { $0.segmented(bytes: segment.bytes) }
  }

  /// Returns why some of the algorithms that were asked for by name cannot run on this number of hosts.
  func hindrances(hosts: Int) -> [String] {
    (algorithms ?? []).compactMap { $0.hindrance(hosts: hosts, wireFormat) }
  }

  /// Whether the result on this number of ranks is known to the last bit even if elements are sent in 16 bits;
  /// ``KnownReduction`` describes the elements.
  func isExactInWireFormat(ranks: Int) -> Bool {
    switch operation {
    case .minimum, .maximum: true
    case .sum: 8 * Double(ranks) * wireFormat.unitRoundoff <= 1
    case .product: wireFormat != .float16 || ranks < 16
    case .mean: wireFormat == .full
    }
  }

  func validate() throws {
    try OptionBounds.check("factor", factor, in: 2...OptionBounds.most)
    if factor != nil, case .list = bytes {
      throw ValidationError("--factor goes with a range of --bytes, such as 4...256Mi.")
    }
    if let wrong = sizes.first(where: { $0 == 0 || $0 % type.stride != 0 }) {
      throw ValidationError(
        "--bytes must be multiples of \(type.stride), the size of a \(type), not \(wrong).")
    }
    if !operation.isDefined(for: type) {
      throw ValidationError("--operation mean needs --type float or double, not \(type).")
    }
    if wireFormat != .full, type != .float {
      throw ValidationError(
        "--wire-format \(wireFormat) goes with --type float, not \(type).")
    }
    if tune != nil {
      let others: [(String, Bool)] = [
        ("--algorithms", algorithms != nil), ("--buffers", buffers != .both),
        ("--type", requestedType != nil), ("--operation", requestedOperation != nil),
        ("--wire-format", requestedWireFormat != nil), ("--warmup", warmup != nil),
        ("--iterations", iterations != nil), ("--no-in-place", !inPlace),
        ("--segment", segment != nil), ("--format", format != .table), ("--plot", plot != nil),
        ("--peers", !peers.isEmpty),
      ]
      if let other = others.first(where: \.1) {
        throw ValidationError(
          "--tune goes with --bytes, --factor, --seconds and --seed, not with \(other.0).")
      }
      if sizes != sizes.sorted() || Set(sizes).count < sizes.count {
        throw ValidationError("--tune needs --bytes in ascending order.")
      }
    }
    try OptionBounds.check("warmup", warmup, in: 0...OptionBounds.most)
    try OptionBounds.check("iterations", iterations)
    try OptionBounds.check("seconds", seconds, below: 1_000_000, isOpen: true)
    if iterations != nil, seconds != nil {
      throw ValidationError("--iterations and --seconds exclude each other.")
    }
    if warmup == 0, iterations == nil {
      throw ValidationError(
        "--warmup 0 leaves nothing to judge the number of calls by: add --iterations.")
    }
    if let segment, segment.bytes == 0 || segment.bytes % type.stride != 0 {
      throw ValidationError(
        "--segment must be a multiple of \(type.stride), the size of a \(type), not "
          + "\(segment.bytes).")
    }
  }
}
