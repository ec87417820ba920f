import AllReduce
import AllReduceNN
import ArgumentParser
import ExampleSupport

/// The options for the plan to draw and its network.
struct PlanOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A plan to draw: data, model, hybrid, or a JSON file.", valueName: "name|file"))
  var plan: String?

  @Option(help: "With --plan, the network.")
  var model: NamedModel?

  @Option(
    help: ArgumentHelp(
      "With --plan, the network's layers, as train-classifier takes them.", valueName: "words"))
  var layers: String?

  func check() throws {
    if plan == nil, model != nil || layers != nil {
      throw ValidationError(
        "--model and --layers name the network of the plan to draw: give --plan too.")
    }
    if plan != nil, model != nil, layers != nil {
      throw ValidationError("Name one network: --model or --layers.")
    }
  }

  /// Creates the picture of the plan; returns nil if no plan is asked for.
  func picture(ranks: Int) throws -> PlanPicture? {
    guard let plan else { return nil }
    let named: [String: Plan] = [
      "data": .dataParallel, "model": .modelParallel, "hybrid": .hybrid(.scatterInTurn),
    ]
    let chosen = try named[plan] ?? Plan(json: FileBytes.text(of: plan), file: plan)
    let model = model ?? .mlp
    let words = try NetworkWords(layers ?? model.text(input: [28, 28, 1], classes: 10))
    // Images have the shape that train-classifier gives them; it flattens them if the network begins with a dense
    // layer.
    return try PlanPicture(
      chosen, titled: named[plan] == nil ? "A plan" : "The plan \(plan)", of: words,
      input: layers == nil ? [28, 28, 1] : Shape(words.input),
      named: layers == nil ? model.rawValue : "the network", ranks: ranks)
  }
}
