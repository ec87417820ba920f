import ExampleSupport
import Foundation

/// Positions in a panel whose ranks stand on a circle as cards, in the order of a ring.
struct CircleLayout {
  typealias Point = SVGDocument.Point

  /// The width and height of a cell, in pixels.
  let cell: Double
  let cardWidth: Double
  let cardHeight: Double
  let panelWidth: Double
  let panelHeight: Double
  /// The centre of each rank's card, relative to the panel's corner.
  let centers: [Point]

  /// The height above the cards that is left for the panel's title.
  static let titleHeight = 26.0
  /// The height in a card above its cells, for the rank's number and the letters of the columns.
  static let cardHead = 26.0
  /// The distance between two cells.
  static let gap = 4.0

  init(ranks: Int, columns: Int) {
    cell = columns <= 4 ? 18 : columns <= 8 ? 12 : 8
    cardWidth = max(56, Double(columns) * (cell + CircleLayout.gap) + 6)
    cardHeight = cell + CircleLayout.cardHead + 4
    let gap = Point(60, 42)

    var radius = 1.0
    var places = [Point(0, 0)]
    repeat {
      radius += 1
      places = CircleLayout.places(
        ranks, radius, stretch: (cardWidth + gap.x) / (cardHeight + gap.y))
    } while ranks > 1 && !CircleLayout.areApart(places, cardWidth + gap.x, cardHeight + gap.y)

    let (left, right) = (places.map(\.x).min() ?? 0, places.map(\.x).max() ?? 0)
    let (top, bottom) = (places.map(\.y).min() ?? 0, places.map(\.y).max() ?? 0)
    panelWidth = right - left + cardWidth + 22
    panelHeight = bottom - top + cardHeight + CircleLayout.titleHeight + 14
    let shift = Point(cardWidth / 2 + 11 - left, CircleLayout.titleHeight + cardHeight / 2 - top)
    centers = places.map { Point($0.x + shift.x, $0.y + shift.y) }
  }

  /// Returns the positions of the ranks, clockwise: four in the corners, two side by side, any other number starting at
  /// the top.
  private static func places(_ ranks: Int, _ radius: Double, stretch: Double) -> [Point] {
    let first = ranks == 4 ? -0.75 : ranks <= 2 ? -1 : -0.5
    return (0..<ranks).map { rank in
      let angle = (first + 2 * Double(rank) / Double(ranks)) * Double.pi
      return Point(
        radius * max(1, min(stretch, 1.8)) * Foundation.cos(angle), radius * Foundation.sin(angle))
    }
  }

  private static func areApart(_ places: [Point], _ width: Double, _ height: Double) -> Bool {
    for (index, one) in places.enumerated() {
      for other in places[..<index]
      where abs(one.x - other.x) < width - 0.01 && abs(one.y - other.y) < height - 0.01 {
        return false
      }
    }
    return true
  }

  /// Returns the start and the end of an arrow from one card to another, at the cards' edges. For a pair of ranks that
  /// send to each other, both points are shifted to the side, so that the two arrows do not overlap.
  func arrow(from source: Int, to destination: Int, isPair: Bool) -> (Point, Point) {
    let (a, b) = (centers[source], centers[destination])
    let (dx, dy) = (b.x - a.x, b.y - a.y)
    let length = max((dx * dx + dy * dy).squareRoot(), 1)
    let side = isPair ? 7.0 : 0
    let shift = Point(-dy / length * side, dx / length * side)
    // The factor of (dx, dy) at which the line from the card's centre leaves the card.
    let out = min(
      abs(dx) < 1e-6 ? .infinity : (cardWidth / 2 + 3) / abs(dx),
      abs(dy) < 1e-6 ? .infinity : (cardHeight / 2 + 3) / abs(dy))
    return (
      Point(a.x + dx * out + shift.x, a.y + dy * out + shift.y),
      Point(b.x - dx * out + shift.x, b.y - dy * out + shift.y)
    )
  }
}
