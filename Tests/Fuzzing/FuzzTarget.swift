import Foundation

/// What libFuzzer calls with each input; ALLREDUCE_FUZZ names what reads it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  current.read(UnsafeRawBufferPointer(start: bytes, count: count))
  return 0
}

private let current: FileReading = {
  let name = ProcessInfo.processInfo.environment["ALLREDUCE_FUZZ"] ?? ""
  guard let reading = FileReading(rawValue: name) else {
    fatalError("ALLREDUCE_FUZZ names no format: \"\(name)\"")
  }
  return reading
}()
