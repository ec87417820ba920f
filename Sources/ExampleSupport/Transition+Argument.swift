public import AllReduce
public import ArgumentParser

/// a, b and c on a command line.
extension Transition: ExpressibleByArgument {}
