public import AllReduceMPI
public import AllReduceNN

extension DataError: ExitCoded {
  /// The exit code 65: bad input data.
  public var exitCode: Int32 { 65 }
}

extension OutputError: ExitCoded {
  /// The exit code 70: output could not be written, through no fault of the input.
  public var exitCode: Int32 { 70 }
}
