import AllReduce

/// An element type that the benchmark can measure: its values can be created from numbers known exactly.
protocol BenchScalar: ReducibleScalar, SIMDScalar, Codable, Hashable {
  /// The elements of one cache line, as a vector.
  associatedtype Line: SIMD<Self>

  /// Creates the element nearest to `value`.
  init(nearest value: Double)

  /// Returns the elementwise sum of two cache lines.
  static func sum(_ a: Line, _ b: Line) -> Line

  /// Adds up a range of cache lines over `count` parts of memory and writes the sums to all of them. Each type
  /// implements it, so that the loop is compiled for that type.
  static func addUp(
    _ parts: UnsafePointer<UnsafeMutableRawPointer>, count: Int, lines: Range<Int>)
}

extension BenchScalar {
  @inline(__always)
  static func addUpLines(
    _ parts: UnsafePointer<UnsafeMutableRawPointer>, count: Int, lines: Range<Int>
  ) {
    if count == 2 {
      let a = parts[0].assumingMemoryBound(to: Line.self)
      let b = parts[1].assumingMemoryBound(to: Line.self)
      for line in lines {
        let total = sum(a[line], b[line])
        a[line] = total
        b[line] = total
      }
      return
    }
    for line in lines {
      let offset = line &* 64
      var total = parts[0].load(fromByteOffset: offset, as: Line.self)
      for part in 1..<count {
        total = sum(total, parts[part].load(fromByteOffset: offset, as: Line.self))
      }
      for part in 0..<count {
        parts[part].storeBytes(of: total, toByteOffset: offset, as: Line.self)
      }
    }
  }
}

extension Float: BenchScalar {
  typealias Line = SIMD16<Float>

  init(nearest value: Double) { self = Float(value) }

  static func sum(_ a: Line, _ b: Line) -> Line { a + b }

  static func addUp(
    _ parts: UnsafePointer<UnsafeMutableRawPointer>, count: Int, lines: Range<Int>
  ) { addUpLines(parts, count: count, lines: lines) }
}

extension Double: BenchScalar {
  typealias Line = SIMD8<Double>

  init(nearest value: Double) { self = value }

  static func sum(_ a: Line, _ b: Line) -> Line { a + b }

  static func addUp(
    _ parts: UnsafePointer<UnsafeMutableRawPointer>, count: Int, lines: Range<Int>
  ) { addUpLines(parts, count: count, lines: lines) }
}

extension Int32: BenchScalar {
  typealias Line = SIMD16<Int32>

  init(nearest value: Double) { self = Int32(value) }

  static func sum(_ a: Line, _ b: Line) -> Line { a &+ b }

  static func addUp(
    _ parts: UnsafePointer<UnsafeMutableRawPointer>, count: Int, lines: Range<Int>
  ) { addUpLines(parts, count: count, lines: lines) }
}

extension Int64: BenchScalar {
  typealias Line = SIMD8<Int64>

  init(nearest value: Double) { self = Int64(value) }

  static func sum(_ a: Line, _ b: Line) -> Line { a &+ b }

  static func addUp(
    _ parts: UnsafePointer<UnsafeMutableRawPointer>, count: Int, lines: Range<Int>
  ) { addUpLines(parts, count: count, lines: lines) }
}
