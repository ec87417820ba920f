/// A map drawn in SVG: a grid of fields over two quantities, each field coloured by the choice that is best there.
package struct ChoiceMap: Sendable {
  private typealias Point = SVGDocument.Point

  /// A field of the map: the best choice for one pair of values.
  package struct Field: Sendable {
    let choice: Int
    let label: String

    /// Creates a field.
    ///
    /// - Parameters:
    ///   - choice: The index of the best choice.
    ///   - label: A few letters that are drawn in the field.
    package init(choice: Int, label: String) { (self.choice, self.label) = (choice, label) }
  }

  /// An axis of the map: its title, and the label of each row or column.
  package struct Axis: Sendable {
    let title: String
    let labels: [String]

    package init(title: String, labels: [String]) { (self.title, self.labels) = (title, labels) }
  }

  private let title: String
  private let subtitle: String
  private let x: Axis
  private let y: Axis
  private let choices: [String]
  private let fields: [[Field]]

  /// Creates a map.
  ///
  /// - Parameters:
  ///   - title: The chart's title.
  ///   - subtitle: The settings of the computation, and what the letters in the fields mean.
  ///   - x: The axis from left to right.
  ///   - y: The axis from bottom to top.
  ///   - choices: The names of the possible choices.
  ///   - fields: The rows of fields from bottom to top; in a row, the fields from left to right.
  package init(
    title: String, subtitle: String, x: Axis, y: Axis, choices: [String], fields: [[Field]]
  ) {
    (self.title, self.subtitle, self.x, self.y) = (title, subtitle, x, y)
    (self.choices, self.fields) = (choices, fields)
  }

  /// Draws the map and returns the contents of an SVG file.
  package func svg() -> String {
    let heading = ChartHeading(title: title, subtitle: subtitle, width: ChartHeading.width)
    let shown = choices.indices.filter { choice in
      fields.joined().contains { $0.choice == choice }
    }
    let (left, right) = (124.0, ChartHeading.width - 20)
    let top = heading.height + 22 + 24 * Double(shown.count)
    let (width, height) = ((right - left) / Double(max(x.labels.count, 1)), 42.0)
    let bottom = top + height * Double(y.labels.count)
    var drawing = SVGDocument(width: ChartHeading.width, height: bottom + 64, title: title)
    heading.draw(on: &drawing)
    for (number, choice) in shown.enumerated() {
      let line = heading.height + 26 + 24 * Double(number)
      drawing.addRectangle(
        at: Point(16, line - 12), width: 18, height: 15, fill: ChoiceMap.color(choice),
        opacity: 0.55)
      drawing.addText(choices[choice], at: Point(42, line), size: 14)
    }
    for (row, line) in fields.enumerated() {
      let y = bottom - height * Double(row + 1)
      drawing.addText(
        self.y.labels[row], at: Point(left - 10, y + height / 2 + 5), size: 13,
        color: Palette.quiet, anchor: .end)
      for (column, field) in line.enumerated() {
        let x = left + width * Double(column)
        drawing.addRectangle(
          at: Point(x + 1, y + 1), width: width - 2, height: height - 2,
          fill: ChoiceMap.color(field.choice), opacity: 0.55)
        drawing.addText(
          field.label, at: Point(x + width / 2, y + height / 2 + 5), size: 14, anchor: .middle)
      }
    }
    for (column, label) in x.labels.enumerated() {
      drawing.addText(
        label, at: Point(left + width * (Double(column) + 0.5), bottom + 20), size: 13,
        color: Palette.quiet, anchor: .middle)
    }
    drawing.addText(x.title, at: Point((left + right) / 2, bottom + 48), size: 14, anchor: .middle)
    drawing.addText(
      y.title, at: Point(24, (top + bottom) / 2), size: 14, anchor: .middle, isVertical: true)
    return drawing.text
  }

  private static func color(_ choice: Int) -> String {
    Palette.ours[choice % Palette.ours.count]
  }
}
