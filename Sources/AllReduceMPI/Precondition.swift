internal import CKernels

/// Replaces Swift's `precondition` in this module, so that a release build keeps the message too.
///
/// Ends the process, and with it the job, with exit code 70 unless the condition holds.
///
/// - Parameters:
///   - condition: The condition that the caller has to satisfy.
///   - message: A sentence that says what the caller did instead, with the values.
///   - file: The source file of the check.
///   - line: The line of the check in the file.
@inlinable @inline(__always)
func precondition(
  _ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> String,
  file: StaticString = #fileID, line: UInt = #line
) {
  if !condition() { preconditionFailure(message(), file: file, line: line) }
}

/// Same as ``precondition(_:_:file:line:)``, for a condition that never holds.
@usableFromInline @inline(never)
func preconditionFailure(
  _ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) -> Never {
  endForPrecondition(message(), file: file, line: line)
}

/// Ends the process with the message of a failed precondition, for this module and for the module AllReduce.
package func endForPrecondition(_ message: String, file: StaticString, line: UInt) -> Never {
  ck_precondition_failed("\(message) (\(file):\(line))")
}
