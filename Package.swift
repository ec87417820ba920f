// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

/// A program in `Sources/Examples`, built as `.build/release/<name>`.
func program(_ name: String) -> Target {
  .executableTarget(
    name: name,
    dependencies: [
      "AllReduce", "ExampleSupport",
      .product(name: "ArgumentParser", package: "swift-argument-parser"),
    ],
    path: "Sources/Examples/\(name)",
    swiftSettings: strict)
}

func tests(_ name: String, of modules: Target.Dependency...) -> Target {
  .testTarget(name: name, dependencies: modules + ["TestSupport"], swiftSettings: strict)
}

let package = Package(
  name: "AllReduce",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "AllReduce", targets: ["AllReduce"]),
    .executable(name: "train-linreg", targets: ["train-linreg"]),
    .executable(name: "allreduce-bench", targets: ["allreduce-bench"]),
    .executable(name: "explain", targets: ["explain"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .systemLibrary(
      name: "CMPI", pkgConfig: "ompi-c",
      providers: [.apt(["libopenmpi-dev", "openmpi-bin"]), .brew(["open-mpi"])]),
    .systemLibrary(
      name: "CBLAS", pkgConfig: "openblas",
      providers: [.apt(["libopenblas-dev"]), .brew(["openblas"])]),

    .target(name: "CKernels"),

    .target(name: "AllReduceMPI", dependencies: ["CMPI", "CKernels"], swiftSettings: strict),
    .target(name: "AllReduceNN", dependencies: ["CBLAS"], swiftSettings: strict),
    .target(
      name: "AllReduce", dependencies: ["AllReduceMPI", "AllReduceNN"], swiftSettings: strict),

    .target(
      name: "ExampleSupport",
      dependencies: [
        "AllReduce", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Sources/ExampleSupport", swiftSettings: strict),
    program("train-linreg"),
    program("allreduce-bench"),
    program("explain"),

    .target(
      name: "TestSupport", dependencies: ["AllReduce", "AllReduceMPI"], path: "Tests/TestSupport",
      swiftSettings: strict),
    tests("CollectiveTests", of: "AllReduce", "AllReduceMPI"),
    tests("AllReduceNNTests", of: "AllReduceNN"),
    tests("AllReduceTests", of: "AllReduce", "AllReduceMPI"),
    tests("ProgramTests"),
    .target(name: "CAllocationCount", path: "Tests/CAllocationCount"),
    .executableTarget(
      name: "AllocationWorker", dependencies: ["AllReduce", "CAllocationCount"],
      path: "Tests/AllocationWorker", swiftSettings: strict),
    .executableTarget(
      name: "FaultWorker", dependencies: ["AllReduce"], path: "Tests/FaultWorker",
      swiftSettings: strict),
  ]
)
