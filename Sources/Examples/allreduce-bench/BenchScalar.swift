import AllReduce

/// An element that a benchmark can make from a number known exactly.
protocol BenchScalar: ReducibleScalar {
  /// The element nearest to `value`.
  init(nearest value: Double)
}

extension Float: BenchScalar {
  init(nearest value: Double) { self = Float(value) }
}

extension Double: BenchScalar {
  init(nearest value: Double) { self = value }
}

extension Int32: BenchScalar {
  init(nearest value: Double) { self = Int32(value) }
}

extension Int64: BenchScalar {
  init(nearest value: Double) { self = Int64(value) }
}
