public import AllReduce
public import ArgumentParser

/// A network that a command line names; its input and output have the shape of the data.
public enum NamedModel: String, CaseIterable, ExpressibleByArgument {
  /// Two hidden layers of 512 units.
  case mlp
  /// Two hidden layers of 4096 units: 20 million parameters, with little arithmetic per parameter.
  case wide
  /// Two convolutions and a hidden layer of 512 units: much arithmetic per parameter.
  case cnn
  /// Five convolutions and two hidden layers with dropout: AlexNet (Krizhevsky, Sutskever and Hinton, 2012) cut down
  /// for small images.
  case alexnetSmall = "alexnet-small"

  /// Returns the layers as words of a command line, for examples of shape `input` in `classes` classes.
  public func text(input: Shape, classes: Int) -> String {
    let hidden =
      switch self {
      case .mlp: "512,relu,512,relu"
      case .wide: "4096,relu,4096,relu"
      case .cnn: "conv:32x3,relu,pool:2,conv:64x3,relu,pool:2,512,relu"
      case .alexnetSmall:
        "conv:32x5,relu,pool:2,conv:64x3,relu,pool:2,conv:128x3,relu,conv:128x3,relu,conv:64x3,relu,"
          + "pool:2,dropout:0.5,1024,relu,dropout:0.5,1024,relu"
      }
    let isFlat = self == .mlp || self == .wide || input.rank == 1
    let sizes = isFlat ? ["\(input.count)"] : input.sizes.map(String.init)
    return "\(sizes.joined(separator: "x")),\(hidden),\(classes)"
  }

  /// Returns the layers, for examples of shape `input` in `classes` classes.
  public func words(input: Shape, classes: Int) -> NetworkWords {
    do {
      return try NetworkWords(text(input: input, classes: classes))
    } catch {
      preconditionFailure("the model \(rawValue) cannot be read: \(error)")
    }
  }
}
