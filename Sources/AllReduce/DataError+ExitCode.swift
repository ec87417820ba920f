public import AllReduceMPI
public import AllReduceNN

extension DataError: ExitCoded {
  /// 65: bad input data.
  public var exitCode: Int32 { 65 }
}

extension OutputError: ExitCoded {
  /// 70: no fault of the input.
  public var exitCode: Int32 { 70 }
}
