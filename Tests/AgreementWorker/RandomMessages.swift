import AllReduce

extension ProgramState {
  /// A message from one rank to another, each end blocking or started.
  func passMessage(_ group: Int) throws {
    let members = groups[group].members
    let pair = members.indices.shuffled(using: &numbers).prefix(2)
    let count = pick([0, 1, 30, 900, 1100, 20_000, 100_000])
    let (startsSend, startsReceive) = (numbers.happens(0.5), numbers.happens(0.5))
    let isFromAny = numbers.happens(0.2)
    let looksFirst = numbers.happens(0.2)
    // Equal tags must keep their order; what is received from any rank needs one of its own.
    let tag = isFromAny || looksFirst ? 100 + index : Int.random(in: 0..<3, using: &numbers)
    guard pair.count == 2 else { return }
    let (sender, receiver) = (pair[0], pair[1])
    describe("message of \(count) from \(sender) to \(receiver) with tag \(tag) on \(members)")
    guard let communicator = groups[group].communicator else { return }
    let values = (0..<count).map { Int32(truncatingIfNeeded: $0 &* 31 &+ index) }
    let words = summary
    if communicator.rank == sender {
      if !startsSend || isBlocking { return try communicator.send(values, to: receiver, tag: tag) }
      let sending = Box(try communicator.startSend(values, to: receiver, tag: tag))
      flying.append(Flight(end: { try sending.take()?.wait() }, lane: nil))
    } else if communicator.rank == receiver {
      let source = isFromAny ? nil : sender
      func check(_ received: [Int32]) throws {
        if received != values { throw Fault("\(words): other numbers were received") }
      }
      if startsReceive && !isBlocking {
        let receiving = Box(
          try communicator.startReceive(Int32.self, count: count, from: source, tag: tag))
        flying.append(
          Flight(
            end: { if let pending = receiving.take() { try check(try pending.wait()) } }, lane: nil)
        )
        return
      }
      if looksFirst {
        let found = try communicator.probe(from: source, tag: tag)
        if found.count(of: Int32.self) != count || found.source != sender {
          throw Fault("a message of \(found.bytes) bytes from \(found.source) was found")
        }
      }
      var received = [Int32](repeating: -1, count: count)
      try communicator.receive(into: &received, from: source, tag: tag)
      try check(received)
    }
  }

  /// Collectives of arrays that come back as new arrays.
  func moveArrays(_ group: Int) throws {
    let members = groups[group].members
    let size = members.count
    let counts = members.map { _ in
      numbers.happens(0.2) ? 0 : Int.random(in: 0..<2000, using: &numbers)
    }
    let root = Int.random(in: 0..<size, using: &numbers)
    let which = Int.random(in: 0..<5, using: &numbers)
    describe("\(["allGather", "gather", "scatter", "scatter", "allToAll"][which]) on \(members)")
    guard let communicator = groups[group].communicator else { return }
    func part(_ rank: Int, _ count: Int) -> [Double] {
      (0..<count).map { Double($0 + 10_000 * rank + index) }
    }
    let mine = part(communicator.rank, counts[communicator.rank])
    let all = (0..<size).flatMap { part($0, counts[$0]) }
    let isRoot = communicator.rank == root
    let isRight: Bool
    switch which {
    case 0: isRight = try communicator.allGather(mine) == all
    case 1: isRight = try communicator.gather(mine, to: root) == (isRoot ? all : nil)
    case 2:
      isRight = try communicator.scatter(isRoot ? all : [], counts: counts, from: root) == mine
    case 3:
      let block = BlockPartition(count: all.count, parts: size)[communicator.rank]
      isRight = try communicator.scatter(isRoot ? all : [], from: root) == Array(all[block])
    default:
      let count = counts[0] / 10
      let sent = (0..<size).flatMap { to in part(communicator.rank * size + to, count) }
      let wanted = (0..<size).flatMap { from in part(from * size + communicator.rank, count) }
      isRight = try communicator.allToAll(sent) == wanted
    }
    if !isRight { throw Fault("the elements are wrong") }
  }

  /// Text from one rank, and work that may fail on one.
  func agree(_ group: Int) throws {
    let members = groups[group].members
    let chosen = Int.random(in: members.indices, using: &numbers)
    let length = pick([0, 5, 300, 20_000])
    let isText = numbers.happens(0.5)
    let fails = numbers.happens(0.3)
    describe("\(isText ? "text" : fails ? "failure" : "success") of \(chosen) on \(members)")
    guard let communicator = groups[group].communicator else { return }
    let isChosen = communicator.rank == chosen
    if isText {
      let text = String(repeating: "x", count: length)
      if try communicator.broadcast(isChosen ? text : "", from: chosen) != text {
        throw Fault("the text is wrong")
      }
      return
    }
    do {
      try communicator.agreeing { if fails && isChosen { throw Fault("this once") } }
      if fails { throw Fault("the failure was not agreed") }
    } catch let error as AgreedError {
      if !fails || error.rank != chosen || error.message != "this once" {
        throw Fault("rank \(error.rank) failed: \(error.message)")
      }
    }
  }

  /// A barrier, or a number of each rank.
  func synchronise(_ group: Int) throws {
    let isBarrier = numbers.happens(0.6)
    describe("\(isBarrier ? "barrier" : "number") on \(groups[group].members)")
    guard let communicator = groups[group].communicator else { return }
    if isBarrier { return try communicator.barrier() }
    let size = Int64(communicator.size)
    if try communicator.allReduce(Int64(communicator.rank), .sum) != size * (size - 1) / 2 {
      throw Fault("the sum is wrong")
    }
  }
}

/// A handle that can be kept where only copies can.
private final class Box<Handle: ~Copyable> {
  private var handle: Handle?

  init(_ handle: consuming Handle) { self.handle = consume handle }

  func take() -> Handle? { handle.take() }
}
