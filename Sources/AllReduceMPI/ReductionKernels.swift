/// The kernels of this processor, by operation and type.
///
/// A value of an address and a number. What asks for many kernels keeps it: it need not find out each time whether
/// they are there.
@usableFromInline
package struct ReductionKernels: @unchecked Sendable {
  @usableFromInline let table: UnsafePointer<ReductionKernel>
  @usableFromInline let operationCount = ReductionOperation.allCases.count

  /// Those of the widest variant.
  package static let widest = ReductionKernels(
    ReductionKernel.Variant.allCases.last { ReductionKernel(.sum, .float, $0) != nil }!)

  private init(_ variant: ReductionKernel.Variant) {
    let kernels = ScalarType.allCases.flatMap { type in
      ReductionOperation.allCases.map { operation in
        // The entry of an operation that is not defined is never handed out.
        ReductionKernel(operation.isDefined(for: type) ? operation : .sum, type, variant)!
      }
    }
    let table = UnsafeMutablePointer<ReductionKernel>.allocate(capacity: kernels.count)
    table.initialize(from: kernels, count: kernels.count)
    self.table = UnsafePointer(table)
  }

  /// The kernel of `operation` on `type`.
  package subscript(operation: ReductionOperation, type: ScalarType) -> ReductionKernel {
    @inlinable @inline(__always)
    get {
      operation.checkIsDefined(for: type)
      return table[Int(type.rawValue) &* operationCount &+ Int(operation.rawValue)]
    }
  }
}
