import AllReduceNN

/// The times of another system, measured with other programs on the same machine.
struct PeerTimes {
  /// The system's name: the base name of the file with its times.
  let name: String
  /// The median time in seconds for each size in bytes.
  let medians: [Int: Double]

  /// Reads a file whose lines are `bytes,median_us`, perhaps with further fields, or `bytes median us`.
  ///
  /// All other lines are ignored, such as headers, versions and text. A file without any time is an error.
  init(file: String) throws {
    let text: String
    do {
      text = try FileBytes.text(of: file)
    } catch {
      throw BenchError.peers(file: file, reason: "it cannot be read")
    }
    let folderless = file.split(separator: "/").last.map(String.init) ?? file
    name = folderless.split(separator: ".").first.map(String.init) ?? folderless
    medians = Dictionary(
      text.split(whereSeparator: \.isNewline).compactMap(PeerTimes.time), uniquingKeysWith: min)
    if medians.isEmpty {
      throw BenchError.peers(
        file: file, reason: "it has no line of bytes,median_us such as 4096,2.5")
    }
  }

  private static func time(_ line: Substring) -> (Int, Double)? {
    let fields = line.split { $0 == "," || $0.isWhitespace }
    guard fields.count >= 2, let bytes = Int(fields[0]), let micros = Double(fields[1]), bytes > 0,
      micros > 0, micros.isFinite,
      line.contains(",") || fields.count > 2 && fields[2] == "us"
    else { return nil }
    return (bytes, micros / 1e6)
  }
}

extension [PeerTimes] {
  /// Returns the fastest system at a size, and its median time in seconds; nil if none was measured there.
  func best(bytes: Int) -> (name: String, median: Double)? {
    compactMap { peer in peer.medians[bytes].map { (peer.name, $0) } }
      .min { $0.1 < $1.1 }
  }
}
