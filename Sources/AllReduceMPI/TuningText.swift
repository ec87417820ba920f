internal import CMPI

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// What the file of measured choices says, which rank 0 reads when MPI starts and gives to all.
///
/// So all ranks of the job hold the same text, whichever files their hosts have, and what follows from it
/// needs no further messages. The module AllReduce reads what the text means.
package struct TuningText: Sendable {
  /// The file, as rank 0 names it.
  package let file: String
  /// Its contents, or why it cannot be read.
  package let content: Result<String, Unreadable>

  /// Why a file cannot be read.
  package struct Unreadable: Error {
    package let reason: String
  }

  /// More bytes than any such file has.
  private static let largest = 1 << 20

  /// The text that this job has, if any.
  package static var ofJob: TuningText? { MPI.current.tuning }

  /// Reads the file on rank 0, if there is one. Collective over all ranks of the job.
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

  /// The file that `ALLREDUCE_TUNING` names, which must exist; or the one at the default place, if
  /// it exists.
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

  /// `allreduce/tuning.json` in the user's folder of settings, by the XDG Base Directory Specification.
  package static var defaultPlace: String? {
    if let folder = environmentVariable("XDG_CONFIG_HOME"), folder.hasPrefix("/") {
      return folder + "/allreduce/tuning.json"
    }
    return environmentVariable("HOME").flatMap {
      $0.hasPrefix("/") ? $0 + "/.config/allreduce/tuning.json" : nil
    }
  }

  /// A small file's text; nil if there is none.
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

  /// Rank 0's text, on all ranks.
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
