// swift-tools-version: 6.2
import PackageDescription

let allReduce = Target.Dependency.product(name: "AllReduce", package: "AllReduce")
let package = Package(
  name: "tutorial",
  dependencies: [.package(name: "AllReduce", path: "../..")],
  targets: [
    .executableTarget(name: "hello", dependencies: [allReduce]),
    .executableTarget(name: "own-data", dependencies: [allReduce]),
    .executableTarget(name: "own-network", dependencies: [allReduce]),
    .executableTarget(name: "own-layer", dependencies: [allReduce]),
  ])
