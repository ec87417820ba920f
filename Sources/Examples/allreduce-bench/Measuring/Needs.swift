import AllReduce

/// The buffers of the largest size that a rank needs.
struct Needs {
  /// One in an arena.
  let arena: Bool
  /// Memory in addition to that of the results: where elements come from, or copies go.
  let others: Bool

  init(_ options: BenchOptions, _ contenders: [Contender]) {
    arena = contenders.contains { $0.buffers(options.buffers).contains(.arena) }
    others = !options.inPlace || contenders.contains(.memcpy)
  }

  /// How many.
  var buffers: Int { 1 + (arena ? 1 : 0) + (others ? 1 : 0) }
}
