public import AllReduce
public import ArgumentParser

extension Staleness.Compensation: ExpressibleByArgument {
  /// Reads none, constant:L, adaptive:L, scaled or nesterov:N.
  public init?(argument: String) { self.init(argument) }
}
