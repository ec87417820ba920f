import ExampleSupport

/// Draws one step of a story into its place on the page.
protocol Panel {
  var width: Double { get }
  var height: Double { get }

  /// Draws what happens in a round, from 1, and what the ranks hold after it; 0 is the start.
  func draw(_ round: Int, into drawing: inout SVGDocument, at corner: SVGDocument.Point)
}
