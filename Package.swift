// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

// The modules behind `import AllReduce` are named too where it is imported: without it, a change of
// their types does not build again what sees them through it.
let roof: [Target.Dependency] = ["AllReduce", "AllReduceMPI", "AllReduceNN"]

/// A program in `Sources/Examples`, built as `.build/release/<name>`.
func program(_ name: String) -> Target {
  .executableTarget(
    name: name,
    dependencies: roof + [
      "ExampleSupport",
      .product(name: "ArgumentParser", package: "swift-argument-parser"),
    ],
    path: "Sources/Examples/\(name)",
    swiftSettings: strict)
}

func tests(
  _ name: String, of modules: Target.Dependency..., excluding files: [String] = []
) -> Target {
  .testTarget(
    name: name, dependencies: roof + modules + ["TestSupport"], exclude: files,
    swiftSettings: strict)
}

let package = Package(
  name: "AllReduce",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "AllReduce", targets: ["AllReduce"]),
    .library(name: "AllReduceMPI", targets: ["AllReduceMPI"]),
    .executable(name: "train-linreg", targets: ["train-linreg"]),
    .executable(name: "allreduce-bench", targets: ["allreduce-bench"]),
    .executable(name: "explain", targets: ["explain"]),
    .executable(name: "simulate-allreduce", targets: ["simulate-allreduce"]),
    .executable(name: "plan-training", targets: ["plan-training"]),
    .executable(name: "train-classifier", targets: ["train-classifier"]),
    .executable(name: "predict", targets: ["predict"]),
    .executable(name: "export-weights", targets: ["export-weights"]),
    .executable(name: "custom-gradient", targets: ["custom-gradient"]),
    .executable(name: "split-weights", targets: ["split-weights"]),
    .executable(name: "allreduce-status", targets: ["allreduce-status"]),
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
    .systemLibrary(
      name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),

    .target(name: "CKernels"),

    .target(name: "AllReduceMPI", dependencies: ["CMPI", "CKernels"], swiftSettings: strict),
    .target(
      name: "AllReduceNN", dependencies: ["CBLAS", "CKernels", "CZlib"], swiftSettings: strict),
    .target(
      name: "AllReduce", dependencies: ["AllReduceMPI", "AllReduceNN", "CKernels"],
      swiftSettings: strict),

    .target(
      name: "ExampleSupport",
      dependencies: roof + [.product(name: "ArgumentParser", package: "swift-argument-parser")],
      path: "Sources/ExampleSupport", swiftSettings: strict),
    program("train-linreg"),
    program("allreduce-bench"),
    program("explain"),
    program("train-classifier"),
    program("predict"),
    program("export-weights"),
    program("custom-gradient"),
    program("split-weights"),
    program("server-bench"),
    program("chart"),
    program("simulate-allreduce"),
    program("allreduce-status"),
    program("plan-training"),

    .target(
      name: "TestSupport", dependencies: roof + ["CKernels"], path: "Tests/TestSupport",
      resources: [.copy("States")],
      swiftSettings: strict),
    .target(
      name: "Fuzzing", dependencies: roof, path: "Tests/Fuzzing", exclude: ["Files"],
      swiftSettings: strict),
    tests("CollectiveTests"),
    tests("AllReduceNNTests", of: "CKernels"),
    tests("AllReduceTests", of: "CKernels", "ExampleSupport", "Fuzzing"),
    tests("ProgramTests", excluding: ["torch_weights.py", "read_events.py"]),
    .target(name: "CAllocationCount", path: "Tests/CAllocationCount"),
    .executableTarget(
      name: "AllocationWorker", dependencies: roof + ["CAllocationCount"],
      path: "Tests/AllocationWorker", swiftSettings: strict),
    .target(name: "CMessageCount", dependencies: ["CMPI"], path: "Tests/CMessageCount"),
    .executableTarget(
      name: "TrafficWorker", dependencies: roof + ["CMessageCount"], path: "Tests/TrafficWorker",
      swiftSettings: strict),
    .executableTarget(
      name: "AgreementWorker", dependencies: roof, path: "Tests/AgreementWorker",
      swiftSettings: strict),
    .executableTarget(
      name: "AttachWorker", dependencies: roof + ["CMPI"], path: "Tests/AttachWorker",
      swiftSettings: strict),
    .executableTarget(
      name: "FaultWorker", dependencies: roof, path: "Tests/FaultWorker",
      swiftSettings: strict),
    .executableTarget(
      name: "MemoryWorker", dependencies: roof, path: "Tests/MemoryWorker",
      swiftSettings: strict),
  ]
)
