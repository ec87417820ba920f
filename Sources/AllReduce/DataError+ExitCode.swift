public import AllReduceMPI
public import AllReduceNN

extension DataError: ExitCoded {
  /// 65: bad input data.
  public var exitCode: Int32 { 65 }
}
