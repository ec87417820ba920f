internal import CKernels

/// The conversions of a 16-bit wire format, over whole ranges: see `wire.h`.
///
/// Memory may be used by nobody else during a call; ranges do not overlap. 16-bit memory is raw, as
/// messages are.
package struct WireKernel: Sendable {
  /// For which processors a conversion was written. All give the same bits.
  package enum Variant: Int32, Sendable, CaseIterable {
    case scalar, avx2, avx512
  }

  private typealias Table = (
    encode: @convention(c) (UnsafePointer<Float>?, UnsafeMutablePointer<UInt16>?, Int) -> Void,
    decode: @convention(c) (UnsafePointer<UInt16>?, UnsafeMutablePointer<Float>?, Int) -> Void,
    round: @convention(c) (UnsafeMutablePointer<Float>?, Int) -> Void,
    add: @convention(c) (UnsafeMutablePointer<Float>?, UnsafePointer<UInt16>?, Int) -> Void
  )

  private let table: Table

  /// The conversions in a variant; nil for the format `full` and for what this processor has not.
  package init?(_ format: WireFormat, _ variant: Variant) {
    let number: Int
    switch format {
    case .full: return nil
    case .bfloat16: number = CK_BFLOAT16
    case .float16: number = CK_FLOAT16
    }
    guard let found = ck_wire_variant(Int32(number), variant.rawValue) else { return nil }
    table = (
      found.pointee.encode, found.pointee.decode, found.pointee.round, found.pointee.add
    )
  }

  private static let bfloat16 = fastest(.bfloat16)
  private static let float16 = fastest(.float16)

  private static func fastest(_ format: WireFormat) -> WireKernel? {
    Variant.allCases.reversed().lazy.compactMap { WireKernel(format, $0) }.first
  }

  /// The fastest conversions that this processor has; nil for the format `full`.
  package static func of(_ format: WireFormat) -> WireKernel? {
    switch format {
    case .full: nil
    case .bfloat16: bfloat16
    case .float16: float16
    }
  }

  /// `destination[i] = source[i]`, from 32 bits to 16.
  package func encode(
    _ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, count: Int
  ) {
    table.encode(
      source.assumingMemoryBound(to: Float.self),
      destination.assumingMemoryBound(to: UInt16.self), count)
  }

  /// `destination[i] = source[i]`, from 16 bits to 32.
  package func decode(
    _ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, count: Int
  ) {
    table.decode(
      source.assumingMemoryBound(to: UInt16.self),
      destination.assumingMemoryBound(to: Float.self), count)
  }

  /// Makes each value what a receiver would make of it.
  package func round(_ values: UnsafeMutableRawPointer, count: Int) {
    table.round(values.assumingMemoryBound(to: Float.self), count)
  }

  /// `destination[i] = destination[i] (op) source[i]`, with 16-bit numbers in the source and
  /// arithmetic in 32 bits.
  ///
  /// The two partners of an exchange get the same bits. A sum takes one pass; other operations
  /// widen a few numbers at a time first.
  package func combine(
    _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, count: Int,
    by kernel: ReductionKernel
  ) {
    if kernel.isSum {
      table.add(
        destination.assumingMemoryBound(to: Float.self),
        source.assumingMemoryBound(to: UInt16.self), count)
      return
    }
    // As many as certainly fit the stack, so that nothing is allocated.
    let most = 256
    withUnsafeTemporaryAllocation(byteCount: 4 * most, alignment: 16) { wide in
      let wide = wide.baseAddress.unsafelyUnwrapped
      var done = 0
      while done < count {
        let length = min(most, count - done)
        decode(source + 2 * done, to: wide, count: length)
        kernel.combineSymmetrically(destination + 4 * done, wide, length)
        done += length
      }
    }
  }
}
