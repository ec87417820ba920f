internal import CMPI

/// The envelopes of messages: ranks and tags.
extension Communicator {
  /// The largest tag that a message may have, which depends on the network: 32,767 or more (`MPI_TAG_UB`).
  package static let largestTag = Int(cmpi_largest_tag(cmpi_comm_world()))

  func checkRank(_ other: Int, _ role: String) {
    precondition(
      (0..<size).contains(other), "The \(role) is rank \(other), but ranks are 0..<\(size).")
  }

  func checkTag(_ tag: Int) {
    precondition(
      (0...Communicator.largestTag).contains(tag),
      "The tag is \(tag), but on this network tags are 0...\(Communicator.largestTag).")
  }

  /// Returns a source as MPI takes it; nil stands for any source.
  func sourceConstant(_ source: Int?) -> Int32 {
    guard let source else { return MPI_ANY_SOURCE }
    checkRank(source, "source")
    return Int32(source)
  }

  /// Returns a tag as MPI takes it; nil stands for any tag.
  func tagConstant(_ tag: Int?) -> Int32 {
    guard let tag else { return MPI_ANY_TAG }
    checkTag(tag)
    return Int32(tag)
  }

  /// Returns the world ranks from which a message of this source may come.
  func awaitedRanks(of source: Int32) -> [Int] {
    source == MPI_ANY_SOURCE
      ? worldRanks.filter { $0 != worldRank } : [worldRanks[Int(source)]]
  }

  /// Returns a description of a rank: its number in this communicator, and its number in the job if that differs.
  func describe(_ rank: Int) -> String {
    let inJob = worldRanks[rank]
    return inJob == rank ? "rank \(rank)" : "rank \(rank) (\(inJob) of the job)"
  }
}
