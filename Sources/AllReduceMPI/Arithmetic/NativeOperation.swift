internal import CMPI

/// MPI's handles for the reduction operations.
///
/// `MPI_MIN` and `MPI_MAX` may lose a NaN, depending on where in the vector it stands and on which rank. For
/// floating-point numbers our own kernels take their place (`MPI_Op_create`).
enum NativeOperation {
  static func handle(
    for operation: ReductionOperation, _ type: ScalarType
  ) throws(MPIError) -> MPI_Op {
    switch (operation, type) {
    case (.sum, _), (.mean, _): cmpi_sum()
    case (.product, _): cmpi_product()
    case (.minimum, .int32), (.minimum, .int64): cmpi_minimum()
    case (.maximum, .int32), (.maximum, .int64): cmpi_maximum()
    case (.minimum, .float):
      try created(0) { source, destination, count, _ in
        combine(.minimum, .float, source, destination, count)
      }
    case (.minimum, .double):
      try created(1) { source, destination, count, _ in
        combine(.minimum, .double, source, destination, count)
      }
    case (.maximum, .float):
      try created(2) { source, destination, count, _ in
        combine(.maximum, .float, source, destination, count)
      }
    case (.maximum, .double):
      try created(3) { source, destination, count, _ in
        combine(.maximum, .double, source, destination, count)
      }
    }
  }

  private typealias Function =
    @convention(c) (
      UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, UnsafeMutablePointer<Int32>?,
      UnsafeMutablePointer<MPI_Datatype?>?
    ) -> Void

  /// The operations made by `MPI_Op_create`, each at its first use and kept until MPI ends; used only by the thread
  /// that calls MPI.
  nonisolated(unsafe) private static var operations: [MPI_Op?] = [nil, nil, nil, nil]

  private static func created(_ slot: Int, _ function: Function) throws(MPIError) -> MPI_Op {
    if let operation = operations[slot] { return operation }
    var operation: MPI_Op?
    try MPIError.check(MPI_Op_create(function, 1, &operation), "MPI_Op_create")
    operations[slot] = operation
    return operation!
  }

  /// Frees the operations before MPI ends.
  static func releaseAll() {
    for slot in operations.indices where operations[slot] != nil { MPI_Op_free(&operations[slot]) }
    operations = [nil, nil, nil, nil]
  }
}

/// Combines `count` elements of `source` into `destination`: the function that MPI calls.
private func combine(
  _ operation: ReductionOperation, _ type: ScalarType, _ source: UnsafeMutableRawPointer?,
  _ destination: UnsafeMutableRawPointer?, _ count: UnsafeMutablePointer<Int32>?
) {
  guard let source, let destination, let count else { return }
  ReductionKernel.of(operation, type).combine(destination, source, Int(count.pointee))
}
