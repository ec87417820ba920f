internal import AllReduceMPI

/// Ends the process with `message`, in release builds too, unless `condition` holds.
///
/// Each module has its own copy of AllReduceMPI's function: an import applies to one file, and a file that lacks the
/// import would silently use Swift's `precondition`, which drops the message in a release build.
@inlinable @inline(__always)
func precondition(
  _ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> String,
  file: StaticString = #fileID, line: UInt = #line
) {
  if !condition() { preconditionFailure(message(), file: file, line: line) }
}

/// Ends the process with `message`, in release builds too.
@usableFromInline @inline(never)
func preconditionFailure(
  _ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) -> Never {
  endForPrecondition(message(), file: file, line: line)
}
