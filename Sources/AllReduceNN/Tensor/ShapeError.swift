/// A network that cannot be: what a layer was given does not fit what it needs.
public struct ShapeError: Error, CustomStringConvertible, Sendable {
  /// A sentence that names the layer and both shapes.
  public let description: String

  /// Creates the error of a sentence.
  public init(_ description: String) { self.description = description }
}
