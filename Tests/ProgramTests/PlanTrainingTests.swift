import AllReduce
import Foundation
import TestSupport
import XCTest

/// plan-training and train-classifier --strategy auto from end to end.
final class PlanTrainingTests: XCTestCase {
  private func plan(_ words: String) throws -> ProgramRunner.Outcome {
    try ProgramRunner().run("plan-training", words.split(separator: " ").map(String.init))
  }

  private func object(_ text: String) throws -> [String: Any] {
    try XCTUnwrap(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], text)
  }

  private func placements(_ plan: Any?) -> [String] {
    let layers = (plan as? [String: Any])?["layers"] as? [[String: Any]] ?? []
    return layers.compactMap { $0["placement"] as? String }
  }

  func testAlexNetIsPlacedAsItsAuthorDid() throws {
    let outcome = try plan(
      "--model alexnet --hosts 8x1 --link 10Gbit,50us --compute 2TFLOP/s --batch-size 128 "
        + "--format json")
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    let json = try object(outcome.output)
    let placed = placements(json["plan"])
    // Five convolutions and three pools by data, then fc6, fc7 and fc8 by their weights.
    XCTAssertEqual(placed.prefix(8), ArraySlice(repeating: "data", count: 8))
    XCTAssertEqual(placed.count, 11)
    XCTAssertFalse(placed.suffix(3).prefix(2).contains { $0 == "data" || $0 == "replicated" })
    let seconds = try XCTUnwrap(json["step_seconds"] as? Double)
    let alternatives = try XCTUnwrap(json["alternatives"] as? [[String: Any]])
    for name in ["data", "model", "hybrid", "data on 1 host"] {
      let other = alternatives.first { $0["name"] as? String == name }
      XCTAssertGreaterThan(
        try XCTUnwrap(other?["step_seconds"] as? Double, name), seconds, name)
    }
    XCTAssertEqual((json["network_bytes"] as? [Int])?.count, 8)
  }

  func testTheTableSaysWhy() throws {
    let outcome = try plan("--model wide --hosts 2x1 --link 1Gbit,50us --memory 1GiB")
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    for words in [
      "1 Dense 784 -> 4096", "columns", "this plan: grid 1 x 2", "runner-up:", "data on 1 host",
      "(inexact) data, bfloat16", "The runner-up takes", "only with --allow-inexact",
    ] {
      XCTAssertTrue(outcome.output.contains(words), "\(words): \(outcome.output)")
    }
  }

  /// The map has a field for each batch and rate; the curves a point for each number of ranks.
  func testManyPlansAreDrawn() throws {
    let chart = try TemporaryFile("")
    let words = "--model alexnet --hosts 8x1 --link 10Gbit,50us --compute 2TFLOP/s "
    let map = try plan(words + "--map \(chart.path)")
    XCTAssertEqual(map.exitCode, 0, map.errors)
    let rows = map.output.split(separator: "\n").dropFirst()
    XCTAssertEqual(rows.count, 7)
    XCTAssertTrue(rows.first?.contains("fewer") ?? false, map.output)
    XCTAssertTrue(rows.last?.hasSuffix("data 1") ?? false, map.output)
    let drawn = try String(contentsOfFile: chart.path, encoding: .utf8)
    XCTAssertTrue(drawn.hasPrefix("<svg ") && drawn.contains("100 Gbit/s"))
    XCTAssertEqual(drawn.components(separatedBy: "height=\"40\"").count, 71)

    let scaling = try plan(words + "--batch-size 128 --scaling \(chart.path)")
    XCTAssertEqual(scaling.exitCode, 0, scaling.errors)
    let speeds = scaling.output.split(separator: "\n").map {
      $0.split(separator: " ").map(String.init)
    }
    XCTAssertEqual(speeds.map(\.[0]), ["ranks", "1", "2", "4", "8"])
    let eight = try XCTUnwrap(speeds.last).compactMap(Double.init)
    XCTAssertGreaterThanOrEqual(eight[1], try XCTUnwrap(eight.dropFirst(2).max()))
    XCTAssertTrue(
      try String(contentsOfFile: chart.path, encoding: .utf8).contains("Weak scaling of alexnet"))
  }

  func testWhatCannotBePlannedIsRefused() throws {
    let profile = try TemporaryFile("{\"version\": 1, \"ranks_per_host\": [1]}")
    let network = try TemporaryFile("{\"layers\": \"4,banana\"}")
    let json = "\(network.path).json"
    try FileManager.default.copyItem(atPath: network.path, toPath: json)
    defer { try? FileManager.default.removeItem(atPath: json) }
    for (words, code, sentence) in [
      ("--hosts 2x1", 64, "Give one of --model and --layers"),
      ("--model mlp --profile x --map y", 64, "--map needs --hosts"),
      ("--model mlp --hosts 2x1 --batch-size 4 --map y", 64, "leave out their size"),
      ("--model mlp --hosts 2x1 --map y --scaling z", 64, "Give one of --map and --scaling"),
      ("--model mlp --hosts 2x1 --format json --scaling z", 64, "leave out --format json"),
      ("--model banana --hosts 2x1", 64, "banana"),
      ("--model mlp", 64, "Give one of --profile and --hosts"),
      ("--model mlp --hosts 0x2", 64, "hosts"),
      ("--model mlp --hosts 2x1 --link 1Gbit", 64, "link"),
      ("--model mlp --profile \(profile.path)", 65, "without cores"),
      ("--model mlp --profile /nowhere", 65, "/nowhere"),
      ("--model \(json) --hosts 2x1", 64, "banana"),
      ("--model vgg16 --hosts 2x1 --memory 64MiB", 64, "MiB more. What would help is"),
    ] {
      let outcome = try plan(words)
      XCTAssertEqual(Int(outcome.exitCode), code, "\(words): \(outcome.errors)")
      XCTAssertTrue(outcome.errors.contains(sentence), "\(words): \(outcome.errors)")
    }
  }

  /// Two ranks train by the plan of a profile; again from the state after the first epoch, when the profile is gone.
  func testAutomaticRunsAreEqualWhenResumed() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let profile = folder.appending(path: "profile.json").path
    var machines = MachineProfile.byHand(.init(hosts: 1, ranksPerHost: 2))
    // Passes over memory are slow there, so that updates decide: weights are shared.
    machines.compute.memoryBytesPerSecond = 1e8
    try machines.json.write(toFile: profile, atomically: true, encoding: .utf8)
    func train(_ words: String) throws -> ([String: Any], String) {
      let outcome = try ProgramRunner().run(
        "train-classifier",
        ("--data digits --layers 64,256,relu,256,relu,10 --global-batch-size 60 --steps 8 "
          + "--strategy auto --format json " + words).split(separator: " ").map(String.init),
        ranks: 2)
      XCTAssertEqual(outcome.exitCode, 0, "\(words): \(outcome.errors)")
      return (try object(outcome.output), outcome.errors)
    }
    let state = folder.appending(path: "state").path
    let (whole, notes) = try train("--epochs 2 --profile \(profile)")
    XCTAssertTrue(notes.contains("The plan is grid"), notes)
    XCTAssertGreaterThan(try XCTUnwrap(whole["predicted_step_seconds"] as? Double), 0)
    let placed = placements(whole["plan"])
    XCTAssertTrue(placed.contains("columns") || placed.contains("rows"), "\(placed)")
    _ = try train("--epochs 1 --profile \(profile) --checkpoint \(state)")
    try FileManager.default.removeItem(atPath: profile)
    let (resumed, words) = try train("--epochs 2 --checkpoint \(state) --resume")
    XCTAssertTrue(words.contains("The plan is that of the state."), words)
    XCTAssertEqual(placements(resumed["plan"]), placed)
    XCTAssertEqual(
      resumed["weights_checksum"] as? String, whole["weights_checksum"] as? String)
    // Without a profile a run of a second is too short to measure anything.
    let (short, reason) = try train("--epochs 1 --profile \(profile)")
    XCTAssertTrue(reason.contains("too short to measure"), reason)
    XCTAssertEqual(Set(placements(short["plan"])), ["data"])
  }
}
