package import CKernels

/// The kernels of a processor level, by operation and type.
///
/// A value of an address and a number. What asks for many kernels keeps it: it need not find out each time whether
/// they are there.
@usableFromInline
package struct ReductionKernels: @unchecked Sendable {
  @usableFromInline let table: UnsafePointer<ReductionKernel.Entry>
  @usableFromInline let operationCount = ReductionOperation.allCases.count

  /// The kernels of the highest level of this processor.
  package static let current = ReductionKernels(.current)

  /// The kernels of a level that this processor has. Their table is never freed.
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
