#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Returns the current date, such as 2026-11-25.
func today() -> String {
  var now = time(nil)
  var parts = tm()
  localtime_r(&now, &parts)
  var text = [UInt8](repeating: 0, count: 16)
  let length = text.withUnsafeMutableBytes {
    strftime($0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count, "%Y-%m-%d", &parts)
  }
  return String(decoding: text.prefix(length), as: UTF8.self)
}
