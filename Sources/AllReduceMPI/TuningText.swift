internal import CMPI

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The contents of the file of measured choices, which rank 0 reads when MPI starts and sends to all ranks.
///
/// So all ranks of the job have the same text, whichever files their hosts have, and decisions that follow from it need
/// no further messages. The module AllReduce parses the text.
package struct TuningText: Sendable {
  /// The path of the file on rank 0.
  package let file: String
  /// The file's contents, or why the file cannot be read.
  package let content: Result<String, Unreadable>

  /// Why a file cannot be read.
  package struct Unreadable: Error {
    package let reason: String
  }

  /// The largest size of such a file, in bytes.
  private static let largest = 1 << 20

  /// The text of this job, if it has one.
  package static var ofJob: TuningText? { MPI.current.tuning }

  /// Reads the file on rank 0, if there is one, and sends it to all ranks. Collective over all ranks of the job.
  static func shared(over base: MPI_Comm) throws(MPIError) -> TuningText? {
    let rank = Communicator.rank(in: base)
    let mine = rank == 0 ? read() : nil
    let (text, reason) =
      switch mine?.content {
      case .success(let text): (text, "")
      case .failure(let unreadable): ("", unreadable.reason)
      case nil: ("", "")
      }
    let file = try share(mine?.file ?? "", rank, base)
    if file.isEmpty { return nil }
    let (why, said) = (try share(reason, rank, base), try share(text, rank, base))
    return TuningText(
      file: file, content: why.isEmpty ? .success(said) : .failure(Unreadable(reason: why)))
  }

  /// Reads the file that `ALLREDUCE_TUNING` names, which must exist; without that variable, the file at the default
  /// place, if it exists.
  private static func read() -> TuningText? {
    let named = environmentVariable("ALLREDUCE_TUNING").flatMap { $0.isEmpty ? nil : $0 }
    if named == "none" { return nil }
    guard let file = named ?? defaultPlace else { return nil }
    do throws(Unreadable) {
      guard let text = try text(of: file) else {
        if named == nil { return nil }
        throw Unreadable(reason: "there is no such file, though ALLREDUCE_TUNING names it")
      }
      return TuningText(file: file, content: .success(text))
    } catch {
      return TuningText(file: file, content: .failure(error))
    }
  }

  /// The path `allreduce/tuning.json` in the user's settings folder, by the XDG Base Directory Specification.
  package static var defaultPlace: String? {
    if let folder = environmentVariable("XDG_CONFIG_HOME"), folder.hasPrefix("/") {
      return folder + "/allreduce/tuning.json"
    }
    return environmentVariable("HOME").flatMap {
      $0.hasPrefix("/") ? $0 + "/.config/allreduce/tuning.json" : nil
    }
  }

  /// Returns the text of a small file; nil if there is no such file.
  package static func text(of file: String) throws(Unreadable) -> String? {
    guard let stream = fopen(file, "r") else {
      // The file is also missing where a folder of its path is a file.
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw Unreadable(reason: "it cannot be read (\(String(cString: strerror(errno))))")
    }
    defer { fclose(stream) }
    var bytes = [UInt8](repeating: 0, count: largest + 1)
    let count = fread(&bytes, 1, bytes.count, stream)
    if ferror(stream) != 0 {
      throw Unreadable(reason: "it cannot be read (\(String(cString: strerror(errno))))")
    }
    if count > largest {
      throw Unreadable(reason: "it has more than \(largest) bytes, as no table of choices has")
    }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  /// Broadcasts rank 0's text to all ranks, and returns it.
  private static func share(
    _ text: String, _ rank: Int, _ base: MPI_Comm
  ) throws(MPIError) -> String {
    var bytes = Array(text.utf8)
    var count = Int32(bytes.count)
    let sized = Watchdog.shared.guarding("MPI_Bcast") {
      MPI_Bcast(&count, 1, cmpi_int32(), 0, base)
    }
    try MPIError.check(sized, "MPI_Bcast")
    if count == 0 { return "" }
    if rank != 0 { bytes = [UInt8](repeating: 0, count: Int(count)) }
    let shared = Watchdog.shared.guarding("MPI_Bcast") {
      MPI_Bcast(&bytes, count, cmpi_byte(), 0, base)
    }
    try MPIError.check(shared, "MPI_Bcast")
    return String(decoding: bytes, as: UTF8.self)
  }
}
