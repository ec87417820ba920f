public import AllReduce
public import ArgumentParser

extension UpdateMode: ExpressibleByArgument {}
