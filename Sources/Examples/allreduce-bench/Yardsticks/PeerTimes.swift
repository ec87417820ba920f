import AllReduceNN

/// Times of another system, measured by other means on the same machine.
struct PeerTimes {
  /// The base name of the file they were read from.
  let name: String
  /// The median in seconds for each size in bytes.
  let medians: [Int: Double]

  /// Reads a file: lines of `bytes,median_us,...` and whatever follows, or of `bytes median us`.
  ///
  /// Other lines are passed over: headers, versions, words. A file without any time is an error.
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
  /// The fastest at a size.
  func best(bytes: Int) -> (name: String, median: Double)? {
    compactMap { peer in peer.medians[bytes].map { (peer.name, $0) } }
      .min { $0.1 < $1.1 }
  }
}
