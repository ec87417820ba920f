import ArgumentParser
import ExampleSupport

/// Seconds as command lines give them: 5us, 2ms, 1s.
struct Seconds: ExpressibleByArgument {
  let seconds: Double

  init(_ seconds: Double) { self.seconds = seconds }

  init?(argument: String) {
    guard
      let value = number(
        argument, [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1)])
    else { return nil }
    seconds = value
  }

  var text: String { "\((seconds * 1e6).formatted(digits: 4)) µs" }
  var defaultValueDescription: String { "\((seconds * 1e6).formatted(digits: 4))us" }
}

/// Bytes a second as command lines give them: 12.5GB/s, 1Gbit/s.
struct Rate: ExpressibleByArgument {
  let bytesPerSecond: Double

  init(_ bytesPerSecond: Double) { self.bytesPerSecond = bytesPerSecond }

  init?(argument: String) {
    let units = [
      ("kbit/s", 125.0), ("Mbit/s", 125e3), ("Gbit/s", 125e6), ("Mbit", 125e3), ("Gbit", 125e6),
      ("kB/s", 1e3),
      ("MB/s", 1e6), ("GB/s", 1e9), ("B/s", 1),
    ]
    guard let value = number(argument, units), value > 0 else { return nil }
    bytesPerSecond = value
  }

  var text: String { "\((bytesPerSecond / 1e9).formatted(digits: 4)) GB/s" }
  var defaultValueDescription: String { "\((bytesPerSecond / 1e9).formatted(digits: 4))GB/s" }
}

/// A slow rank: RANK:FACTOR.
struct Straggler: ExpressibleByArgument {
  let rank: Int
  let factor: Double

  init?(argument: String) {
    let words = argument.split(separator: ":", omittingEmptySubsequences: false)
    guard words.count == 2, let rank = Int(words[0]), rank >= 0, let factor = Double(words[1]),
      factor >= 1, factor.isFinite
    else { return nil }
    (self.rank, self.factor) = (rank, factor)
  }
}

/// The number in front of the first unit that the text ends with; nil if it is none, or negative.
private func number(_ text: String, _ units: [(name: String, size: Double)]) -> Double? {
  guard let unit = units.first(where: { text.hasSuffix($0.name) }),
    let value = Double(text.dropLast(unit.name.count)), value >= 0, value.isFinite
  else { return nil }
  return value * unit.size
}
