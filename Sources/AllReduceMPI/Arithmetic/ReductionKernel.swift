internal import CKernels

/// The arithmetic of one operation on one element type, over whole ranges: see `reductions.h`.
///
/// Loops over elements are C functions, as wide as the processor can, that are called once a chunk;
/// everything above them moves bytes and knows nothing of types. No other thread may use the memory
/// during a call; ranges do not overlap.
///
/// A value of one address: no references to it are counted.
@usableFromInline
package struct ReductionKernel: @unchecked Sendable {
  @usableFromInline package typealias Combine =
    @convention(c) (
      _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int
    ) -> Void
  @usableFromInline package typealias Apart =
    @convention(c) (
      _ destination: UnsafeMutableRawPointer, _ first: UnsafeRawPointer, _ second: UnsafeRawPointer,
      _ count: Int
    ) -> Void
  @usableFromInline package typealias Both =
    @convention(c) (
      _ first: UnsafeMutableRawPointer, _ second: UnsafeMutableRawPointer, _ count: Int
    ) -> Void
  @usableFromInline package typealias Finish =
    @convention(c) (_ values: UnsafeMutableRawPointer, _ count: Int, _ ranks: Int) -> Void

  /// In a table that is never freed (``ReductionKernels``).
  @usableFromInline let entry: UnsafePointer<Entry>

  @usableFromInline
  struct Entry {
    @usableFromInline let stride: Int
    @usableFromInline let isSum: Bool
    @usableFromInline let combine: Combine
    @usableFromInline let combineSymmetrically: Combine
    @usableFromInline let combineApart: Apart
    @usableFromInline let combineBoth: Both
    @usableFromInline let finish: Finish?

    /// `level` is one that this processor has.
    init(_ operation: ReductionOperation, _ type: ScalarType, _ level: ProcessorLevel) {
      let functions =
        ck_reductions_at(level, Int32(type.rawValue)).unsafelyUnwrapped + Int(operation.rawValue)
      stride = type.stride
      isSum = operation == .sum || operation == .mean
      combine = functions.pointee.combine
      combineSymmetrically = functions.pointee.combine_symmetrically
      combineApart = functions.pointee.combine_apart
      combineBoth = functions.pointee.combine_both
      finish = functions.pointee.finish
    }
  }

  @inlinable @inline(__always)
  init(_ entry: UnsafePointer<Entry>) { self.entry = entry }

  /// The kernel of `operation` on `type`, at the highest level of this processor.
  package static func of(_ operation: ReductionOperation, _ type: ScalarType) -> ReductionKernel {
    ReductionKernels.current[operation, type]
  }
}

extension ReductionKernel {
  /// Bytes an element.
  @inlinable @inline(__always) package var stride: Int { entry.pointee.stride }
  /// Whether elements are added up: a sum, or a mean before the division.
  @inlinable @inline(__always) package var isSum: Bool { entry.pointee.isSum }
  /// `destination[i] = destination[i] (op) source[i]`.
  @inlinable @inline(__always) package var combine: Combine { entry.pointee.combine }
  /// Same as `combine`, with a result whose bits do not depend on which side is which. The two partners
  /// of an exchange, who combine the same numbers in mirrored order, need that: otherwise each could
  /// keep the payload of its own NaN.
  @inlinable @inline(__always)
  package var combineSymmetrically: Combine { entry.pointee.combineSymmetrically }
  /// `destination[i] = first[i] (op) second[i]`.
  @inlinable @inline(__always) package var combineApart: Apart { entry.pointee.combineApart }
  /// The complete result of two ranks, for a mean too, in both places.
  @inlinable @inline(__always) package var combineBoth: Both { entry.pointee.combineBoth }
  /// The last touch of a value that is complete: divides by the number of ranks. Nil but for a mean.
  @inlinable @inline(__always) package var finish: Finish? { entry.pointee.finish }
}
