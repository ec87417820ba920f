import AllReduce

/// The buffers that a rank needs, each of the largest size.
struct Needs {
  /// Whether a buffer in an arena is needed.
  let arena: Bool
  /// Whether a second array is needed: for elements that are not reduced in place, or for copies.
  let others: Bool

  init(_ options: BenchOptions, _ contenders: [Contender]) {
    arena = contenders.contains { $0.buffers(options.buffers).contains(.arena) }
    others = !options.inPlace || contenders.contains(.memcpy)
  }

  /// The number of buffers that a rank needs.
  var buffers: Int { 1 + (arena ? 1 : 0) + (others ? 1 : 0) }
}
