/// A message between ranks that disagree, or may disagree: a fixed layout of 64-bit words.
///
/// All are of one size, so that a receive that fits any of them can always be posted.
struct ControlMessage {
  enum Kind: UInt64 {
    /// The call in which the sender waits; the receiver compares it with its own call and answers.
    case question = 1
    /// Whether the sender has made the call that a question was about, and what it waits for itself.
    case answer
    /// A generation of a communicator has failed on the sender.
    case notice
  }

  static let wordCount = 256
  static let byteCount = wordCount * 8

  let words: UnsafeMutablePointer<UInt64>

  var kind: Kind? {
    get { Kind(rawValue: words[0]) }
    nonmutating set { words[0] = newValue?.rawValue ?? 0 }
  }
  /// The communicator's number (``Agreement/id``).
  var communicator: UInt64 {
    get { words[1] }
    nonmutating set { words[1] = newValue }
  }
  var generation: UInt64 {
    get { words[2] }
    nonmutating set { words[2] = newValue }
  }
  /// The sender's rank in the job.
  var sender: Int {
    get { Int(truncatingIfNeeded: words[3]) }
    nonmutating set { words[3] = UInt64(newValue) }
  }
  /// The number of the call that the message is about; in a notice, the number of the sender's last call.
  var number: UInt64 {
    get { words[4] }
    nonmutating set { words[4] = newValue }
  }

  func call(at place: Int) -> Call {
    Call(
      head: words[place], count: words[place + 1], segment: words[place + 2],
      arena: words[place + 3], name: words[place + 4])
  }

  func put(_ call: Call, at place: Int) {
    words[place] = call.head
    words[place + 1] = call.count
    words[place + 2] = call.segment
    words[place + 3] = call.arena
    words[place + 4] = call.name
  }

  /// Returns a list of ranks: a word with their number, then up to 16 ranks.
  func ranks(at place: Int) -> [Int] {
    (0..<Int(min(words[place], 16))).map { Int(truncatingIfNeeded: words[place + 1 + $0]) }
  }

  func put(_ ranks: [Int], at place: Int) {
    words[place] = UInt64(min(ranks.count, 16))
    for (index, rank) in ranks.prefix(16).enumerated() { words[place + 1 + index] = UInt64(rank) }
  }

  /// Returns a text: a word with the number of bytes of UTF-8, then the bytes.
  func text(at place: Int) -> String {
    let bytes = UnsafeRawBufferPointer(
      start: words + place + 1, count: Int(min(words[place], UInt64(byteLimit(place)))))
    return String(decoding: bytes, as: UTF8.self)
  }

  func put(_ text: String, at place: Int, wordCount: Int) {
    let bytes = Array(text.utf8.prefix((wordCount - 1) * 8))
    words[place] = UInt64(bytes.count)
    UnsafeMutableRawPointer(words + place + 1).copyMemory(from: bytes, byteCount: bytes.count)
  }

  private func byteLimit(_ place: Int) -> Int { (ControlMessage.wordCount - place - 1) * 8 }
}
