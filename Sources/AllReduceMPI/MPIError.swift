internal import CMPI

/// An error that defines the exit code of the job.
///
/// Codes used by this project: 64 wrong usage, 65 bad input data, 70 anything else (`sysexits.h`).
public protocol ExitCoded: Error {
  /// The exit code of the whole job, 1...255.
  var exitCode: Int32 { get }
}

/// A failed MPI call: what was attempted, MPI's error class, and MPI's own message.
///
/// Every communicator of this library returns its errors (`MPI_ERRORS_RETURN`), so a failure is
/// thrown instead of ending the process inside MPI.
public struct MPIError: ExitCoded, CustomStringConvertible, Equatable {
  /// The operation that failed, such as `MPI_Allreduce`.
  public let operation: String
  /// MPI's error class, such as `MPI_ERR_TRUNCATE` (15), or nil if MPI reported no error of its own.
  package let errorClass: Int32?
  /// A sentence that says what happened.
  public let message: String

  /// The exit code of the job: 70, or 64 if the job was started in a wrong way.
  public let exitCode: Int32

  /// The operation, what happened, and MPI's error class.
  public var description: String {
    let suffix = errorClass.map { " (MPI error class \($0))" } ?? ""
    return "\(operation): \(message)\(suffix)"
  }

  package init(
    operation: String, errorClass: Int32? = nil, message: String, exitCode: Int32 = 70
  ) {
    self.operation = operation
    self.errorClass = errorClass
    self.message = message
    self.exitCode = exitCode
  }

  /// Creates the error for an MPI return code (`MPI_Error_class`, `MPI_Error_string`).
  init(_ operation: String, code: Int32) {
    var errorClass: Int32 = 0
    MPI_Error_class(code, &errorClass)
    var length: Int32 = 0
    let message = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(MPI_MAX_ERROR_STRING))
    { text in
      MPI_Error_string(code, text.baseAddress, &length)
      return String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    self.init(operation: operation, errorClass: errorClass, message: message)
  }

  /// Throws unless `code` is `MPI_SUCCESS`.
  @inline(__always)
  static func check(_ code: Int32, _ operation: @autoclosure () -> String) throws(MPIError) {
    if code != MPI_SUCCESS { throw MPIError(operation(), code: code) }
  }
}

/// The error that every rank throws when ``Communicator/agreeing(_:)`` finds that a rank has failed. It has the failed
/// rank's message and exit code; rank 0 prints it, once.
public struct AgreedError: ExitCoded, CustomStringConvertible, Equatable {
  /// The lowest rank that failed, in the communicator that agreed.
  package let rank: Int
  /// The text of the failed rank's error.
  package let message: String
  /// The exit code that the failed rank's error asks for.
  public let exitCode: Int32

  /// The failed rank's message.
  public var description: String { message }
}
