#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How far apart two sizes are: the logarithm of their quotient.
func logRatio(_ a: Int, _ b: Int) -> Double { log(Double(a) / Double(b)) }
