internal import CKernels

/// Stands in for Swift's own in this module: a release build keeps the sentence too.
///
/// Ends the process, and with it the job, with 70 unless the condition holds.
///
/// - Parameters:
///   - condition: The condition that the caller has to satisfy.
///   - message: A sentence that says what the caller did instead, with the values.
///   - file: Where it stands.
///   - line: Where it stands.
@inlinable @inline(__always)
func precondition(
  _ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> String,
  file: StaticString = #fileID, line: UInt = #line
) {
  if !condition() { preconditionFailure(message(), file: file, line: line) }
}

/// Same as ``precondition(_:_:file:line:)``, with a condition that never holds.
@usableFromInline @inline(never)
func preconditionFailure(
  _ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) -> Never {
  endForPrecondition(message(), file: file, line: line)
}

/// Ends the process with the sentence of a precondition, for this module and the one above.
package func endForPrecondition(_ message: String, file: StaticString, line: UInt) -> Never {
  ck_precondition_failed("\(message) (\(file):\(line))")
}
