import AllReduce
import ArgumentParser
import ExampleSupport

/// A network to plan for: one of those with a name, or one in a JSON file.
struct PlannedModel: ExpressibleByArgument {
  let name: String

  init?(argument: String) {
    guard PlannedModel.names.contains(argument) || argument.hasSuffix(".json") else { return nil }
    name = argument
  }

  static let names = ["alexnet", "vgg16"] + NamedModel.allCases.map(\.rawValue)
  static var allValueStrings: [String] { names + ["FILE.json"] }

  /// The shape of an example where it differs from the first word: images of 28 x 28, which train-classifier flattens.
  /// Otherwise nil.
  var example: Shape? { NamedModel(rawValue: name) == nil ? nil : [28, 28, 1] }

  /// Returns the network's layers, parsed from their words.
  func words() throws -> NetworkWords {
    switch name {
    case "alexnet": return try NetworkWords(PlannedModel.alexNet)
    case "vgg16": return try NetworkWords(PlannedModel.vgg16)
    default:
      if let named = NamedModel(rawValue: name) {
        return named.words(input: [28, 28, 1], classes: 10)
      }
      return try NetworkWords(PlannedModel.text(of: name))
    }
  }

  /// AlexNet (Krizhevsky, Sutskever and Hinton, 2012), without its division of convolutions into groups for two
  /// graphics cards.
  private static let alexNet =
    "227x227x3,conv:96x11/4+0,relu,pool:3/2,conv:256x5,relu,pool:3/2,conv:384x3,relu,conv:384x3,relu,"
    + "conv:256x3,relu,pool:3/2,dropout:0.5,4096,relu,dropout:0.5,4096,relu,1000"

  /// VGG-16 (Simonyan and Zisserman, 2015): sixteen layers with weights.
  private static let vgg16 =
    "224x224x3,"
    + [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)].map { filters, count in
      Array(repeating: "conv:\(filters)x3,relu", count: count).joined(separator: ",") + ",pool:2"
    }.joined(separator: ",") + ",4096,relu,dropout:0.5,4096,relu,dropout:0.5,1000"

  /// Returns the words of the layers in a file `{"layers": "784,512,relu,10"}`.
  private static func text(of file: String) throws -> String {
    try NetworkDescription.layers(in: FileBytes.text(of: file), file: file)
  }
}
