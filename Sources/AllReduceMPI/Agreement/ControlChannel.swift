internal import CMPI

/// The channel on which ranks tell each other which calls they made and in which calls they wait: one communicator of
/// all ranks of the job, separate from all other messages, with receives that are always posted.
///
/// It is polled only in waits that have become slow, so a call that goes well pays nothing for it. A rank that does not
/// poll, because it computes or waits inside MPI, has at most one unread question from each other rank. Receives are
/// posted in advance, up to 32, because over some networks (libfabric's tcp) a message without a posted receive holds
/// up all later messages of its sender.
final class ControlChannel {
  private let handle: MPI_Comm
  private let rank: Int
  /// The posted receives; they were posted in this order, beginning at index ``next``.
  private var incoming: [Transfer] = []
  private var next = 0
  private var outgoing: [Transfer] = []
  private var spare: [Transfer] = []
  /// The world ranks that have not answered yet, each with the questions to ask next.
  private var unanswered: [Int: [Question]] = [:]
  private var agreements: [UInt64: Agreement] = [:]
  /// Other ranks' reports of calls on communicators that this rank has not made yet.
  private var early: [(communicator: UInt64, doubt: Agreement.Doubt)] = []
  private var earlyNotices: [(communicator: UInt64, notice: Notice)] = []
  private unowned let engine: ProgressEngine
  private var isLooking = false
  private let meter: TrafficMeter

  private final class Transfer {
    let message = ControlMessage(words: .allocate(capacity: ControlMessage.wordCount))
    var request: MPI_Request?
    deinit { message.words.deallocate() }
  }

  /// Creates the channel on a duplicate of the communicator of all ranks, which it then owns. Collective over all ranks
  /// of the job.
  ///
  /// - Parameters:
  ///   - handle: The duplicate.
  ///   - hosts: The host of each rank.
  ///   - engine: The engine of this rank's waits.
  /// - Throws: ``MPIError``.
  init(owning handle: MPI_Comm, hosts: [Int], engine: ProgressEngine) throws(MPIError) {
    self.handle = handle
    self.engine = engine
    let rank = Communicator.rank(in: handle)
    self.rank = rank
    meter = TrafficMeter(isFar: hosts.map { $0 != hosts[rank] })
    MPI_Comm_set_errhandler(handle, cmpi_errors_return())
    // A question, an answer and a notice from each other rank.
    for _ in 0..<min(3 * (hosts.count - 1), ControlChannel.mostReceives) {
      let transfer = Transfer()
      try post(transfer)
      incoming.append(transfer)
    }
  }

  /// The most receives that are posted: networks search all receives from any source at each message that arrives.
  private static let mostReceives = 32

  deinit {
    meter.deallocate()
  }

  private func post(_ transfer: Transfer) throws(MPIError) {
    try MPIError.check(
      MPI_Irecv(
        transfer.message.words, Int32(ControlMessage.byteCount), cmpi_byte(), MPI_ANY_SOURCE, 0,
        handle, &transfer.request), "MPI_Irecv")
  }

  /// Cancels the receives and frees the communicator. Local; MPI may still hold messages.
  func end() {
    for one in incoming where one.request != nil && one.request != cmpi_request_null() {
      MPI_Cancel(&one.request)
      MPI_Wait(&one.request, cmpi_status_ignore())
    }
    forgetSent()
    // MPI may read messages that have not left until MPI_Finalize.
    for one in outgoing { _ = Unmanaged.passRetained(one) }
    var handle: MPI_Comm? = handle
    MPI_Comm_free(&handle)
  }

  // MARK: - Communicators

  func add(_ agreement: Agreement) {
    agreements[agreement.id] = agreement
    for (id, doubt) in early where id == agreement.id { agreement.take(doubt) }
    early.removeAll { $0.communicator == agreement.id }
    for (id, notice) in earlyNotices where id == agreement.id { agreement.take(notice) }
    earlyNotices.removeAll { $0.communicator == agreement.id }
  }

  func remove(_ agreement: Agreement) { agreements[agreement.id] = nil }

  func agreement(_ id: UInt64) -> Agreement? { agreements[id] }

  /// Waits, at the end of the job, until all failed generations are cleaned up.
  func settleAll() {
    look()
    for agreement in agreements.values where agreement.hasFailed { agreement.settleQuietly() }
  }

  /// Throws, at the end of the job, an error that this rank still owes.
  func throwOwed() throws {
    for agreement in agreements.values { try agreement.throwOwed() }
  }

  // MARK: - Messages

  /// Asks a rank a question, once the rank has answered the previous one.
  func ask(_ question: Question, of worldRank: Int) {
    if unanswered[worldRank] == nil {
      unanswered[worldRank] = []
      send(to: worldRank) { question.write(to: $0) }
    } else if unanswered[worldRank]?.contains(question) == false {
      unanswered[worldRank]?.append(question)
    }
  }

  /// Drops the questions that have not been sent, because the wait that they were about has ended.
  func dropQuestions() {
    for rank in unanswered.keys { unanswered[rank] = [] }
  }

  private func noteAnswer(of worldRank: Int) {
    guard var questions = unanswered.removeValue(forKey: worldRank), !questions.isEmpty else {
      return
    }
    let question = questions.removeFirst()
    unanswered[worldRank] = questions
    send(to: worldRank) { question.write(to: $0) }
  }

  func send(to worldRank: Int, _ write: (ControlMessage) -> Void) {
    let out = spare.popLast() ?? Transfer()
    out.message.words.initialize(repeating: 0, count: ControlMessage.wordCount)
    write(out.message)
    out.message.sender = rank
    Watchdog.shared.guarding("MPI_Isend", to: worldRank) {
      MPI_Isend(
        out.message.words, Int32(ControlMessage.byteCount), cmpi_byte(), Int32(worldRank), 0,
        handle, &out.request)
    }
    meter.countAgreement(ControlMessage.byteCount, to: worldRank)
    outgoing.append(out)
  }

  /// Handles the messages that have arrived, and reuses the memory of those that have been sent. Never waits.
  func look() {
    if isLooking { return }
    isLooking = true
    defer { isLooking = false }
    while !incoming.isEmpty {
      let one = incoming[next]
      var hasEnded: Int32 = 0
      if MPI_Test(&one.request, &hasEnded, cmpi_status_ignore()) != MPI_SUCCESS || hasEnded == 0 {
        break
      }
      take(one.message)
      do throws(MPIError) { try post(one) } catch { break }
      next = (next + 1) % incoming.count
    }
    forgetSent()
  }

  private func forgetSent() {
    outgoing.removeAll { out in
      var hasEnded: Int32 = 0
      MPI_Test(&out.request, &hasEnded, cmpi_status_ignore())
      if hasEnded != 0 { spare.append(out) }
      return hasEnded != 0
    }
  }

  /// Whether all sends have completed.
  var isQuiet: Bool { outgoing.isEmpty }

  private func take(_ message: ControlMessage) {
    switch message.kind {
    case .question:
      let question = Question(message)
      engine.detective.answer(question, about: agreements[question.communicator])
      let doubt = Agreement.Doubt(
        number: question.number, running: question.running, generation: question.generation)
      if let agreement = agreements[question.communicator] {
        agreement.take(doubt)
      } else if early.count < 1024 {
        early.append((question.communicator, doubt))
      }
    case .answer:
      let answer = Answer(message)
      noteAnswer(of: answer.sender)
      engine.detective.take(answer)
    case .notice:
      let notice = Notice(message)
      if let agreement = agreements[message.communicator] {
        agreement.take(notice)
      } else {
        earlyNotices.append((message.communicator, notice))
      }
    case nil: break
    }
  }
}
