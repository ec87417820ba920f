package import CKernels

/// The reduction kernels for one processor level, by operation and type.
///
/// It consists of an address and a number. Code that needs many kernels keeps a copy, and so avoids the check at each
/// use of ``current`` whether the table exists.
@usableFromInline
package struct ReductionKernels: @unchecked Sendable {
  @usableFromInline let table: UnsafePointer<ReductionKernel.Entry>
  @usableFromInline let operationCount = ReductionOperation.allCases.count

  /// The kernels for the highest level of this processor.
  package static let current = ReductionKernels(.current)

  /// Creates the kernels for a level that this processor has. Their table is never freed.
  package init(_ level: ProcessorLevel) {
    let entries = ScalarType.allCases.flatMap { type in
      ReductionOperation.allCases.map { operation in
        // The entry of an operation that is not defined is never handed out.
        ReductionKernel.Entry(operation.isDefined(for: type) ? operation : .sum, type, level)
      }
    }
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
