internal import CKernels

/// The arithmetic of one operation on one element type, over whole ranges: see `reductions.h`.
///
/// Loops over elements are C functions with the widest vectors of the processor, called once per chunk; all code above
/// them handles bytes and does not depend on the element type. No other thread may use the memory during a call, and
/// ranges must not overlap.
///
/// It consists of one address, so that using it counts no references.
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

  /// The kernel's functions, in a table that is never freed (``ReductionKernels``).
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

    /// Creates the entry of an operation on a type. `level` is one that this processor has.
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

  /// Returns the kernel of `operation` on `type`, at the highest level of this processor.
  package static func of(_ operation: ReductionOperation, _ type: ScalarType) -> ReductionKernel {
    ReductionKernels.current[operation, type]
  }
}

extension ReductionKernel {
  /// The number of bytes per element.
  @inlinable @inline(__always) package var stride: Int { entry.pointee.stride }
  /// Whether elements are added: for a sum, and for a mean before the division.
  @inlinable @inline(__always) package var isSum: Bool { entry.pointee.isSum }
  /// Combines a range into another: `destination[i] = destination[i] (op) source[i]`.
  @inlinable @inline(__always) package var combine: Combine { entry.pointee.combine }
  /// Same as ``combine``, with a result whose bits do not depend on which operand is which. The two partners of an
  /// exchange, which combine the same numbers in mirrored order, need this: otherwise each could keep the payload of
  /// its own NaN.
  @inlinable @inline(__always)
  package var combineSymmetrically: Combine { entry.pointee.combineSymmetrically }
  /// Combines two ranges into a third: `destination[i] = first[i] (op) second[i]`.
  @inlinable @inline(__always) package var combineApart: Apart { entry.pointee.combineApart }
  /// `first[i] = second[i] = first[i] (op) second[i]`: the complete result of two ranks, divided by 2 already for a
  /// mean.
  @inlinable @inline(__always) package var combineBoth: Both { entry.pointee.combineBoth }
  /// Divides complete values by the number of ranks. Nil except for a mean.
  @inlinable @inline(__always) package var finish: Finish? { entry.pointee.finish }
}
