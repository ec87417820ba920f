/// The title and the subtitle of a picture, broken into lines that fit its width.
///
/// Pictures are 760 pixels wide, with letters at least 13 pixels high, so that they can also be read at half that size.
package struct ChartHeading {
  /// The usual width of a picture in pixels; a picture is wider only if its contents need it.
  package static let width = 760.0

  private static let left = 16.0
  private let title: [String]
  private let subtitle: [String]

  /// Breaks the title and the subtitle into lines for a picture of `width` pixels.
  package init(title: String, subtitle: String, width: Double) {
    let room = width - 2 * ChartHeading.left
    self.title = ChartHeading.lines(title, room, letter: 10.5)
    self.subtitle = ChartHeading.lines(subtitle, room, letter: 6.9)
  }

  /// The number of pixels from the picture's top to the end of the heading.
  package var height: Double { 14 + 25 * Double(title.count) + 20 * Double(subtitle.count) }

  /// Draws the heading at the top of a drawing.
  package func draw(on drawing: inout SVGDocument) {
    var y = 9.0
    for line in title {
      y += 25
      drawing.addText(line, at: SVGDocument.Point(ChartHeading.left, y), size: 20, isBold: true)
    }
    y += 3
    for line in subtitle {
      y += 20
      drawing.addText(
        line, at: SVGDocument.Point(ChartHeading.left, y), size: 14, color: Palette.quiet)
    }
  }

  /// Breaks a text into lines of at most `room` pixels, where a letter is `letter` pixels wide.
  private static func lines(_ text: String, _ room: Double, letter: Double) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, Double(last.count + 1 + word.count) * letter <= room {
        lines[lines.count - 1] = "\(last) \(word)"
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}
