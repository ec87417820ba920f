public import AllReduce
public import ArgumentParser

extension Staleness.Compensation: ExpressibleByArgument {
  /// Reads none, constant:L, adaptive:L, scaled or nesterov:N; nil if the argument is none of these.
  public init?(argument: String) { self.init(argument) }
}
