/// The error for a network that cannot be built: a layer's input does not have a shape that the layer accepts.
public struct ShapeError: Error, CustomStringConvertible, Sendable {
  /// A sentence that names the layer and both shapes.
  public let description: String

  /// Creates the error with a sentence.
  public init(_ description: String) { self.description = description }
}
