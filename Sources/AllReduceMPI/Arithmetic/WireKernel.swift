package import CKernels

/// The conversions to and from a 16-bit wire format, over whole ranges: see `wire.h`.
///
/// No other thread may use the memory during a call, and ranges must not overlap. 16-bit memory is raw, as messages
/// are.
package struct WireKernel: Sendable {
  private typealias Table = (
    encode: @convention(c) (UnsafePointer<Float>?, UnsafeMutablePointer<UInt16>?, Int) -> Void,
    decode: @convention(c) (UnsafePointer<UInt16>?, UnsafeMutablePointer<Float>?, Int) -> Void,
    round: @convention(c) (UnsafeMutablePointer<Float>?, Int) -> Void,
    add: @convention(c) (UnsafeMutablePointer<Float>?, UnsafePointer<UInt16>?, Int) -> Void
  )

  private let table: Table

  /// Creates the conversions at a level; nil for the format `full`, and if this processor does not have the level.
  package init?(_ format: WireFormat, _ level: ProcessorLevel) {
    let number: Int
    switch format {
    case .full: return nil
    case .bfloat16: number = CK_BFLOAT16
    case .float16: number = CK_FLOAT16
    }
    guard let found = ck_wire_at(level, Int32(number)) else { return nil }
    table = (
      found.pointee.encode, found.pointee.decode, found.pointee.round, found.pointee.add
    )
  }

  private static let bfloat16 = WireKernel(.bfloat16, .current)
  private static let float16 = WireKernel(.float16, .current)

  /// Returns the conversions at the highest level of this processor; nil for the format `full`.
  package static func of(_ format: WireFormat) -> WireKernel? {
    switch format {
    case .full: nil
    case .bfloat16: bfloat16
    case .float16: float16
    }
  }

  /// Narrows elements from 32 bits to 16: `destination[i] = source[i]`.
  package func encode(
    _ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, count: Int
  ) {
    table.encode(
      source.assumingMemoryBound(to: Float.self),
      destination.assumingMemoryBound(to: UInt16.self), count)
  }

  /// Widens elements from 16 bits to 32: `destination[i] = source[i]`.
  package func decode(
    _ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, count: Int
  ) {
    table.decode(
      source.assumingMemoryBound(to: UInt16.self),
      destination.assumingMemoryBound(to: Float.self), count)
  }

  /// Rounds each value to the value that a receiver would get.
  package func round(_ values: UnsafeMutableRawPointer, count: Int) {
    table.round(values.assumingMemoryBound(to: Float.self), count)
  }

  /// Combines 16-bit elements of the source with 32-bit elements, in 32-bit arithmetic: `destination[i] =
  /// destination[i] (op) source[i]`.
  ///
  /// The two partners of an exchange get the same bits. A sum takes one pass; other operations first widen a few
  /// elements at a time.
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
    // A few elements, on the stack: nothing is allocated.
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
