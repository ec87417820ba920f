/// The kernels of this processor, by operation and type.
///
/// A value of an address and a number. What asks for many kernels keeps it: it need not find out each time whether
/// they are there.
@usableFromInline
package struct ReductionKernels: @unchecked Sendable {
  @usableFromInline let table: UnsafePointer<ReductionKernel.Entry>
  @usableFromInline let operationCount = ReductionOperation.allCases.count

  /// Those of each variant that this processor has.
  static let all = Dictionary(
    uniqueKeysWithValues: ReductionKernel.Variant.allCases.compactMap { variant in
      ReductionKernels(variant).map { (variant, $0) }
    })

  /// Those of the widest variant.
  package static let widest = ReductionKernel.Variant.allCases.compactMap { all[$0] }.last!

  private init?(_ variant: ReductionKernel.Variant) {
    let entries = ScalarType.allCases.flatMap { type in
      ReductionOperation.allCases.compactMap { operation in
        // The entry of an operation that is not defined is never handed out.
        ReductionKernel.Entry(operation.isDefined(for: type) ? operation : .sum, type, variant)
      }
    }
    if entries.isEmpty { return nil }
    let table = UnsafeMutablePointer<ReductionKernel.Entry>.allocate(capacity: entries.count)
    table.initialize(from: entries, count: entries.count)
    self.table = UnsafePointer(table)
  }

  /// The kernel of `operation` on `type`.
  package subscript(operation: ReductionOperation, type: ScalarType) -> ReductionKernel {
    @inlinable @inline(__always)
    get {
      operation.checkIsDefined(for: type)
      return ReductionKernel(
        table + (Int(type.rawValue) &* operationCount &+ Int(operation.rawValue)))
    }
  }
}
