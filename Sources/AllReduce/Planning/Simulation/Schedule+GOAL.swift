/// Schedules as text that other simulators read.
extension Schedule {
  /// This rank's steps in GOAL, the input of LogGOPSim (Hoefler, Schneider and Lumsdaine, 2010).
  ///
  /// What is combined or copied is a `calc` of as many nanoseconds as it has bytes.
  ///
  /// - Parameter stride: Bytes an element.
  /// - Returns: `rank R { ... }`.
  package func goalText(stride: Int) -> String {
    var text = "rank \(rank) {\n"
    for (number, step) in steps.enumerated() {
      text += "l\(number + 1): "
      switch step {
      case .send(let range, let peer, let message),
        .sendEncoded(let range, _, let peer, let message):
        text += "send \(range.count * stride)b to \(peer) tag \(message)\n"
      case .receive(let range, let peer, let message),
        .receiveToScratch(let range, let peer, let message):
        text += "recv \(range.count * stride)b from \(peer) tag \(message)\n"
      case .reduce(let range, _, _), .encode(let range, _), .decode(let range, _),
        .round(let range):
        text += "calc \(range.count * stride)\n"
      case .finish: text += "calc 0\n"
      }
    }
    for step in steps.indices {
      for successor in successors(of: step) { text += "l\(successor + 1) requires l\(step + 1)\n" }
    }
    return text + "}\n"
  }
}
