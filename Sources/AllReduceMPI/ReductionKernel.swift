internal import CKernels

/// The arithmetic of one operation on one element type, over whole ranges: see `reduce.h`.
///
/// Loops over elements are C functions, as wide as the processor can, that are called once a chunk;
/// everything above them moves bytes and knows nothing of types. Memory may be used by nobody else
/// during a call; ranges do not overlap.
///
/// A value of addresses and numbers alone: nobody counts references to it.
@usableFromInline
package struct ReductionKernel: Sendable {
  package typealias Combine =
    @convention(c) (
      _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int
    ) -> Void
  package typealias Apart =
    @convention(c) (
      _ destination: UnsafeMutableRawPointer, _ first: UnsafeRawPointer, _ second: UnsafeRawPointer,
      _ count: Int
    ) -> Void
  package typealias Both =
    @convention(c) (
      _ first: UnsafeMutableRawPointer, _ second: UnsafeMutableRawPointer, _ count: Int
    ) -> Void
  package typealias Finish =
    @convention(c) (_ values: UnsafeMutableRawPointer, _ count: Int, _ ranks: Int) -> Void

  /// For which processors loops were written. All give the same bits.
  package enum Variant: Int32, Sendable, CaseIterable {
    case scalar, avx2, avx512
  }

  /// Bytes an element.
  package let stride: Int
  /// Whether elements are added up: a sum, or a mean before the division.
  package let isSum: Bool
  /// `destination[i] = destination[i] (op) source[i]`.
  package let combine: Combine
  /// As `combine`, with a result whose bits do not depend on which side is which. The two partners
  /// of an exchange, who combine the same numbers in mirrored order, need that: otherwise each could
  /// keep the payload of its own NaN.
  package let combineSymmetrically: Combine
  /// `destination[i] = first[i] (op) second[i]`.
  package let combineApart: Apart
  /// The complete result of two ranks, for a mean too, in both places.
  package let combineBoth: Both
  /// The last touch of a value that is complete: divides by the number of ranks. Nil but for a mean.
  package let finish: Finish?

  /// The kernel in a variant; nil for what this processor has not.
  package init?(_ operation: ReductionOperation, _ type: ScalarType, _ variant: Variant) {
    guard let all = ck_reductions(variant.rawValue) else { return nil }
    let functions = all + (Int(type.rawValue) &* CK_OPERATIONS &+ Int(operation.rawValue))
    stride = type.stride
    isSum = operation == .sum || operation == .mean
    combine = functions.pointee.combine
    combineSymmetrically = functions.pointee.combine_symmetrically
    combineApart = functions.pointee.combine_apart
    combineBoth = functions.pointee.combine_both
    finish = functions.pointee.finish
  }

  /// The kernel of `operation` on `type`, of the widest variant that this processor has.
  package static func of(_ operation: ReductionOperation, _ type: ScalarType) -> ReductionKernel {
    ReductionKernels.widest[operation, type]
  }
}
