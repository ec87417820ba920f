internal import AllReduceMPI

/// The same as in AllReduceMPI: each module has its own, since an import holds for one file, and a file without it
/// would take Swift's, which drops the sentence in a release build.
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
