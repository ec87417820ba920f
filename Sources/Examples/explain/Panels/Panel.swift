import ExampleSupport

/// Draws one step of a schedule in its panel of the page.
protocol Panel {
  var width: Double { get }
  var height: Double { get }

  /// Draws the messages of a round, counted from 1, and the contents of the ranks' buffers after it. Round 0 shows the
  /// buffers before the first message.
  func draw(_ round: Int, into drawing: inout SVGDocument, at corner: SVGDocument.Point)
}
