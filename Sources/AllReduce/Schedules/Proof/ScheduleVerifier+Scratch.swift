extension ScheduleVerifier {
  /// Returns the values that a step sends; throws if they are not in the schedule's wire format.
  func content(of step: Schedule.Step, on rank: Int) throws(Failure) -> [Value] {
    let isFull = schedules[rank].wireFormat == .full
    switch step {
    case .send(let range, _, _) where isFull: return Array(buffers[rank][range])
    case .sendEncoded(let range, let offset, _, _) where !isFull:
      let encoded = scratch[rank][offset..<offset + range.count].compactMap { $0 }
      if encoded.count == range.count { return encoded }
      throw Failure(description: "rank \(rank) sends scratch memory that is not filled")
    default:
      throw Failure(
        description: "rank \(rank) sends elements in a different format than "
          + "\(schedules[rank].wireFormat)")
    }
  }

  mutating func fillScratch(
    _ place: Int, of rank: Int, _ value: Value
  ) throws(Failure) {
    guard scratch[rank][place] == nil else {
      throw Failure(description: "rank \(rank) overwrites scratch memory that is still needed")
    }
    scratch[rank][place] = value
  }

  mutating func takeScratch(_ place: Int, of rank: Int) throws(Failure) -> Value {
    guard let value = scratch[rank][place] else {
      throw Failure(description: "rank \(rank) uses scratch memory that nothing arrived in")
    }
    scratch[rank][place] = nil
    return value
  }
}
