import ArgumentParser

/// A time in seconds as command lines give it: 5us, 2ms, 1s.
package struct Seconds: ExpressibleByArgument {
  package let seconds: Double

  package init(_ seconds: Double) { self.seconds = seconds }

  package init?(argument: String) {
    guard
      let value = number(
        argument, [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1)])
    else { return nil }
    seconds = value
  }

  package var text: String { "\((seconds * 1e6).formatted(digits: 4)) µs" }
  package var defaultValueDescription: String { "\((seconds * 1e6).formatted(digits: 4))us" }
}

/// A rate in bytes per second as command lines give it: 12.5GB/s, 1Gbit/s.
package struct Rate: ExpressibleByArgument {
  package let bytesPerSecond: Double

  package init(_ bytesPerSecond: Double) { self.bytesPerSecond = bytesPerSecond }

  package init?(argument: String) {
    let units = [
      ("kbit/s", 125.0), ("Mbit/s", 125e3), ("Gbit/s", 125e6), ("Mbit", 125e3), ("Gbit", 125e6),
      ("kB/s", 1e3),
      ("MB/s", 1e6), ("GB/s", 1e9), ("B/s", 1),
    ]
    guard let value = number(argument, units), value > 0 else { return nil }
    bytesPerSecond = value
  }

  package var text: String { "\((bytesPerSecond / 1e9).formatted(digits: 4)) GB/s" }
  package var defaultValueDescription: String {
    "\((bytesPerSecond / 1e9).formatted(digits: 4))GB/s"
  }
}

/// Returns the number before the first of the units that the text ends with, times the unit's size. Nil if there is
/// none, or if the result is negative or more than 1e18; so sums and products of results are finite.
private func number(_ text: String, _ units: [(name: String, size: Double)]) -> Double? {
  guard let unit = units.first(where: { text.hasSuffix($0.name) }),
    let value = Double(text.dropLast(unit.name.count)), (0...1e18).contains(value * unit.size)
  else { return nil }
  return value * unit.size
}

/// A rate in multiplications and additions per second as command lines give it: 2TFLOP/s, 95GFLOP/s.
package struct OperationRate: ExpressibleByArgument {
  package let perSecond: Double

  package init?(argument: String) {
    let units = [("MFLOP/s", 1e6), ("GFLOP/s", 1e9), ("TFLOP/s", 1e12)]
    guard let value = number(argument, units), value > 0 else { return nil }
    perSecond = value
  }
}

/// A link between hosts as command lines give it, by its rate and its latency: 1Gbit,50us.
package struct LinkWords: ExpressibleByArgument {
  package let rate: Rate
  package let latency: Seconds

  package init?(argument: String) {
    let words = argument.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard words.count == 2, let rate = Rate(argument: words[0]),
      let latency = Seconds(argument: words[1])
    else { return nil }
    (self.rate, self.latency) = (rate, latency)
  }
}

/// The number of hosts and of ranks per host as command lines give them: 4x8.
package struct HostWords: ExpressibleByArgument {
  package let hosts: Int
  package let ranksPerHost: Int

  package init?(argument: String) {
    let numbers = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let hosts = numbers[0], let ranks = numbers[1], hosts > 0, ranks > 0,
      hosts <= 1 << 20, ranks <= 1 << 20, hosts * ranks <= 1 << 20
    else { return nil }
    (self.hosts, ranksPerHost) = (hosts, ranks)
  }
}
