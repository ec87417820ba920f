/// How long an operation takes for a number of bytes: points joined by straight lines, with times that never fall.
package struct TimeCurve: Equatable, Sendable {
  /// A number of bytes, and the time that it takes.
  package struct Point: Equatable, Sendable {
    package let bytes: Double
    package let seconds: Double

    package init(bytes: Double, seconds: Double) {
      self.bytes = bytes
      self.seconds = seconds
    }
  }

  /// One or more points, with ascending numbers of bytes, and with times that never fall.
  package let points: [Point]

  /// Creates a curve from measured points. Where a time is less than the one before, it and as many times before it as
  /// needed are replaced by their mean, with equal weights (isotonic regression by pooling; Barlow, Bartholomew, Bremner
  /// and Brunk, 1972).
  ///
  /// - Precondition: There is at least one point, and numbers of bytes ascend.
  package init(measured: [Point]) {
    precondition(!measured.isEmpty, "A curve needs a point or more.")
    var pools: [(sum: Double, count: Int)] = []
    for point in measured {
      pools.append((point.seconds, 1))
      while pools.count > 1 {
        let (last, before) = (pools[pools.count - 1], pools[pools.count - 2])
        if before.sum * Double(last.count) <= last.sum * Double(before.count) { break }
        pools.removeLast(2)
        pools.append((before.sum + last.sum, before.count + last.count))
      }
    }
    let seconds = pools.flatMap { Array(repeating: $0.sum / Double($0.count), count: $0.count) }
    points = zip(measured, seconds).map { Point(bytes: $0.bytes, seconds: $1) }
  }

  /// Creates a curve from points as they are.
  ///
  /// - Precondition: There is at least one point, numbers of bytes ascend, and times never fall.
  package init(_ points: [Point]) {
    precondition(TimeCurve.fault(in: points) == nil, TimeCurve.fault(in: points) ?? "")
    self.points = points
  }

  /// Creates a straight line from a latency in seconds and a rate.
  package init(latency: Double, bytesPerSecond: Double) {
    self.init([
      Point(bytes: 0, seconds: latency),
      Point(bytes: bytesPerSecond, seconds: latency + 1),
    ])
  }

  /// Returns why points are not a valid curve, with the figures; nil if they are valid.
  static func fault(in points: [Point]) -> String? {
    if points.isEmpty { return "has no point" }
    for point in points where !(point.bytes >= 0 && point.seconds >= 0 && point.seconds.isFinite) {
      return
        "takes \(point.seconds) s for \(point.bytes) bytes, and neither may be negative or infinite"
    }
    for (before, point) in zip(points, points.dropFirst()) {
      if point.bytes <= before.bytes {
        return "has \(point.bytes) bytes after \(before.bytes): sizes must be strictly ascending"
      }
      if point.seconds < before.seconds {
        return
          "falls from \(before.seconds) s for \(before.bytes) bytes to \(point.seconds) s for \(point.bytes)"
      }
    }
    return nil
  }

  /// Returns the time for a number of bytes. The line through the last two points continues beyond them; below the
  /// first point, the time is that of the first point.
  package func seconds(bytes: Double) -> Double {
    guard points.count > 1, bytes > points[0].bytes else { return points[0].seconds }
    var (low, high) = (0, points.count - 1)
    while high - low > 1 {
      let middle = (low + high) / 2
      if points[middle].bytes < bytes { low = middle } else { high = middle }
    }
    let (a, b) = (points[low], points[high])
    return a.seconds + (b.seconds - a.seconds) * (bytes - a.bytes) / (b.bytes - a.bytes)
  }
}
