/// Export of schedules as text that other simulators read.
extension Schedule {
  /// Returns this rank's steps in GOAL, the input language of LogGOPSim (Hoefler, Schneider and Lumsdaine, 2010).
  ///
  /// A step that reduces, copies or converts is a `calc` of one nanosecond per byte.
  ///
  /// - Parameter stride: The number of bytes per element.
  /// - Returns: The text `rank R { ... }`.
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
