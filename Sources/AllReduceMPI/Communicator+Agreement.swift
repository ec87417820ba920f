internal import CMPI

extension Communicator {
  /// Runs `work` on every rank. If it throws on any rank, every rank throws the error of the lowest such rank.
  ///
  /// Collective. Use it where one rank may fail alone, such as when it reads a file: otherwise the other ranks would
  /// wait for that rank forever. Cost: one barrier and one all-reduce of one integer; on failure three broadcasts more.
  ///
  /// - Throws: ``AgreedError``, the same on every rank. `MPI.run` prints it once.
  public func agreeing<Result>(_ work: () throws -> Result) throws -> Result {
    var outcome: Swift.Result<Result, any Error>
    do { outcome = .success(try work()) } catch { outcome = .failure(error) }

    var failed = Int32(size)
    if case .failure = outcome { failed = Int32(rank) }
    var lowest = failed
    if size > 1 {
      try meet(Call(.agreement))
      let code = watchdog.guarding("MPI_Allreduce") {
        MPI_Allreduce(&failed, &lowest, 1, cmpi_int32(), cmpi_minimum(), internalHandle)
      }
      try MPIError.check(code, "MPI_Allreduce")
    }
    if Int(lowest) == size { return try outcome.get() }

    var message: [UInt8] = []
    var exitCode: Int32 = 70
    if Int(lowest) == rank, case .failure(let error) = outcome {
      message = Array("\(error)".utf8)
      exitCode = (error as? any ExitCoded)?.exitCode ?? 70
    }
    try broadcastBare(&exitCode, from: Int(lowest))
    let text = try share(String(decoding: message, as: UTF8.self), from: Int(lowest))
    throw AgreedError(rank: Int(lowest), message: text, exitCode: exitCode)
  }

  /// Sends the root's text to every rank, and returns it. Collective. `MPI_Bcast`
  ///
  /// - Throws: ``MPIError``.
  public func broadcast(_ text: String, from root: Int) throws -> String {
    checkRank(root, "root")
    try meet(Call(.text, root: root))
    return try share(text, from: root)
  }

  /// Same as ``broadcast(_:from:)``, for ranks that have just synchronized.
  private func share(_ text: String, from root: Int) throws -> String {
    var bytes = Array(text.utf8)
    var count = Int64(bytes.count)
    try broadcastBare(&count, from: root)
    if rank != root { bytes = [UInt8](repeating: 0, count: Int(count)) }
    try bytes.withUnsafeMutableBytes { try broadcastBare($0, from: root) }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func broadcastBare<Value: BitwiseCopyable>(
    _ value: inout Value, from root: Int
  ) throws {
    try withUnsafeMutableBytes(of: &value) { try broadcastBare($0, from: root) }
  }
}
