import AllReduce
import AllReduceMPI
import AllReduceNN
import Foundation
import XCTest

/// States that are damaged after they were written: refused, and the one before is taken.
final class StateDamageTests: CollectiveTestCase {
  private var folder = ""
  private var newest: String { folder + "/checkpoint.safetensors" }
  private var before: String { folder + "/checkpoint.1.safetensors" }

  override func setUpWithError() throws {
    let world = try world()
    try XCTSkipIf(
      world.hosts.count > 1, "These tests look into rank 0's folder, which other hosts do not see.")
    let name = try world.broadcast("allreduce-\(UUID().uuidString)", from: 0)
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
  }

  override func tearDown() {
    guard let world = try? world() else { return }
    try? world.barrier()
    if world.isRoot { try? FileManager.default.removeItem(atPath: folder) }
  }

  private func tensors(_ value: Float) -> [StateTensor<Float>] {
    [
      StateTensor("0.weight", whole: Tensor((0..<60).map { value + Float($0) }, shape: [6, 10])),
      StateTensor("0.bias", whole: Tensor((0..<6).map { value * Float($0) }, shape: [6])),
      StateTensor("optimizer/momentum/0.bias", whole: Tensor(repeating: value, shape: [6])),
    ]
  }

  private func state(steps: Int) -> TrainingState {
    var state = TrainingState(
      sampler: EpochSampler(count: 40, globalBatchSize: 4), optimizer: "momentum 0.9",
      schedule: .constant(0.1))
    (state.steps, state.layers, state.plan) = (steps, "Dense 10 -> 6", "{\"version\": 1}")
    return state
  }

  private func elements(_ tensors: [StateTensor<Float>]) -> [Float] {
    tensors.flatMap { $0.parts.flatMap { Array($0.values) } }
  }

  /// What is read of a folder: the steps and the elements; nil if it is refused as bad input.
  private func read(
    _ world: Communicator, line: UInt = #line
  ) throws -> (steps: Int, elements: [Float])? {
    let checkpoint = Checkpoint(directory: folder)
    let target = tensors(-1)
    do {
      let state = try checkpoint.readState(over: world)
      try checkpoint.read(into: target, over: world)
      return (state.steps, elements(target))
    } catch let error as AgreedError {
      XCTAssertEqual(error.exitCode, 65, "\(error)", line: line)
      XCTAssertTrue(error.message.hasPrefix(folder), "\(error)", line: line)
      return nil
    }
  }

  /// Writes two states and returns the bytes of the newer one.
  private func writeTwo(_ world: Communicator) throws -> [UInt8] {
    let checkpoint = Checkpoint(directory: folder)
    if world.isRoot { try checkpoint.prepare() }
    for step in 1...2 {
      try checkpoint.write(tensors(Float(step)), state(steps: step), over: world)
    }
    return Array(try Data(contentsOf: URL(fileURLWithPath: newest)))
  }

  private func put(_ bytes: [UInt8], _ world: Communicator) throws {
    if world.isRoot { try Data(bytes).write(to: URL(fileURLWithPath: newest)) }
    try world.barrier()
  }

  /// Every damage: what it is called, and the file with it.
  private func damages(_ whole: [UInt8], _ count: Int) -> [(name: String, bytes: [UInt8])] {
    let header = 8 + whole[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    var all: [(name: String, bytes: [UInt8])] = []
    let random = Philox(seed: 3)
    for (number, range) in [header..<whole.count, 0..<header].enumerated() {
      for index in 0..<count {
        let block = random.block(at: UInt64(number * count + index))
        let (place, bit) = (range.lowerBound + Int(block.x) % range.count, Int(block.y) % 8)
        var bytes = whole
        bytes[place] ^= 1 << UInt8(bit)
        all.append(("bit \(bit) of byte \(place)", bytes))
      }
    }
    for length in stride(from: 0, to: whole.count, by: 97) {
      all.append(("cut to \(length) bytes", Array(whole[..<length])))
    }
    return all
  }

  func testDamageIsFoundAndTheStateBeforeIsTaken() throws {
    let world = try world()
    let whole = try writeTwo(world)
    let older = elements(tensors(1))
    let first = try XCTUnwrap(try read(world))
    XCTAssertEqual(first.steps, 2)
    XCTAssertEqual(first.elements, elements(tensors(2)))
    // More ranks make no more of it: rank 0 reads.
    for (name, bytes) in damages(whole, world.size == 1 ? 1000 : 40) {
      try put(bytes, world)
      let found = try read(world)
      XCTAssertEqual(found?.steps, 1, name)
      XCTAssertEqual(found?.elements, older, name)
    }
    // Without one before it is refused.
    if world.isRoot { try FileManager.default.removeItem(atPath: before) }
    for (name, bytes) in damages(whole, world.size == 1 ? 100 : 5) {
      try put(bytes, world)
      XCTAssertNil(try read(world), name)
    }
    try put(whole, world)
    XCTAssertEqual(try read(world)?.steps, 2)
  }

  func testDamageOfTheOneBeforeDoesNotMatter() throws {
    let world = try world()
    _ = try writeTwo(world)
    if world.isRoot {
      var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: before)))
      bytes[bytes.count - 5] ^= 4
      try Data(bytes).write(to: URL(fileURLWithPath: before))
    }
    try world.barrier()
    XCTAssertEqual(try read(world)?.steps, 2)
    if world.isRoot { try FileManager.default.removeItem(atPath: newest) }
    try world.barrier()
    XCTAssertNil(try read(world))
  }

  func testAsManyStatesAreKeptAsAskedFor() throws {
    let world = try world()
    let checkpoint = Checkpoint(directory: folder, generations: 3)
    if world.isRoot { try checkpoint.prepare() }
    for step in 1...5 {
      try checkpoint.write(tensors(Float(step)), state(steps: step), over: world)
    }
    func files() throws -> [String] {
      try world.barrier()
      return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    }
    XCTAssertEqual(
      try files(),
      ["checkpoint.1.safetensors", "checkpoint.2.safetensors", "checkpoint.safetensors"])
    for steps in [5, 4, 3] {
      XCTAssertEqual(try read(world)?.steps, steps)
      if world.isRoot {
        let left = [newest, before, folder + "/checkpoint.2.safetensors"][5 - steps]
        try FileManager.default.removeItem(atPath: left)
      }
      try world.barrier()
    }
    XCTAssertNil(try read(world))
    // Fewer are kept from here on: the surplus is removed.
    for step in 6...8 {
      try checkpoint.write(tensors(Float(step)), state(steps: step), over: world)
    }
    try Checkpoint(directory: folder, generations: 1).write(
      tensors(9), state(steps: 9), over: world)
    XCTAssertEqual(try files(), ["checkpoint.safetensors"])
  }

  /// What is not damage is no reason to take an older state.
  func testALaterVersionIsRefused() throws {
    let world = try world()
    _ = try writeTwo(world)
    let json =
      "{\"__metadata__\": {\"format\": \"allreduce.checkpoint\", \"version\": \"3\", "
      + "\"layout\": \"channelsLast\"}}"
    let padded = json + String(repeating: " ", count: -json.utf8.count & 7)
    try put(
      (0..<8).map { UInt8(truncatingIfNeeded: padded.utf8.count >> (8 * $0)) } + Array(padded.utf8),
      world)
    XCTAssertThrowsError(try Checkpoint(directory: folder).readState(over: world)) { error in
      XCTAssertTrue("\(error)".contains("version 1 or 2"), "\(error)")
      XCTAssertTrue("\(error)".contains("found 3"), "\(error)")
    }
  }

  func testALinkOrAPipeInTheFolderIsNotFollowed() throws {
    let world = try world()
    _ = try writeTwo(world)
    let victim = folder + "/victim"
    if world.isRoot {
      try Data("precious".utf8).write(to: URL(fileURLWithPath: victim))
      for name in [
        ".checkpoint.safetensors.new", ".checkpoint.1.new", "checkpoint.1.safetensors",
        "checkpoint.safetensors",
      ] {
        unlink("\(folder)/\(name)")
        symlink(victim, "\(folder)/\(name)")
      }
    }
    try world.barrier()
    try Checkpoint(directory: folder).write(tensors(3), state(steps: 3), over: world)
    XCTAssertEqual(try read(world)?.steps, 3)
    try world.barrier()
    XCTAssertEqual(try String(contentsOfFile: victim, encoding: .utf8), "precious")
    // A pipe without a writer.
    if world.isRoot {
      for path in [newest, before] {
        unlink(path)
        mkfifo(path, 0o600)
      }
    }
    try world.barrier()
    XCTAssertNil(try read(world))
  }
}
