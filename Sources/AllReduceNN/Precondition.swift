internal import CKernels

/// Ends the process with a message unless a condition holds. Swift's own `precondition` drops the message in a release
/// build.
///
/// A copy of the function in AllReduceMPI. Each module has its own copy, since an import holds for one file only, and a
/// file without the import would silently call Swift's.
@inlinable @inline(__always)
func precondition(
  _ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> String,
  file: StaticString = #fileID, line: UInt = #line
) {
  if !condition() { preconditionFailure(message(), file: file, line: line) }
}

/// Ends the process with a message: ``precondition(_:_:file:line:)`` with a condition that never holds.
@usableFromInline @inline(never)
func preconditionFailure(
  _ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) -> Never {
  ck_precondition_failed("\(message()) (\(file):\(line))")
}
