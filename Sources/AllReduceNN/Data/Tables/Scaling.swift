/// How numbers are brought to one size before a network sees them: (number - mean) / deviation, for each column or
/// with one mean and deviation for all.
package struct Scaling: Equatable, Sendable {
  /// The number subtracted from a value: one a column, or one for all.
  package let means: [Double]
  /// The divisor of the difference, more than 0: one for each mean.
  package let deviations: [Double]

  /// Takes means and deviations.
  ///
  /// - Precondition: Both have the same count, one or more; deviations are more than 0.
  package init(means: [Double], deviations: [Double]) {
    precondition(
      means.count == deviations.count && !means.isEmpty,
      "\(means.count) means and \(deviations.count) deviations do not belong together")
    precondition(
      deviations.allSatisfy { $0 > 0 }, "a deviation is more than 0, unlike those of \(deviations)")
    (self.means, self.deviations) = (means, deviations)
  }

  /// Numbers that are only divided: bytes by 255.
  package static func divided(by divisor: Double) -> Scaling {
    Scaling(means: [0], deviations: [divisor])
  }

  /// Whether it leaves all numbers as they are.
  package var changesNothing: Bool {
    means.allSatisfy { $0 == 0 } && deviations.allSatisfy { $0 == 1 }
  }

  /// Whether it is for numbers of this many columns.
  package func fits(_ width: Int) -> Bool { means.count == width || means.count == 1 }

  /// Makes sure that it is for inputs of this shape.
  ///
  /// - Throws: ``DataError``.
  func requireFit(_ example: Shape, _ path: String) throws(DataError) {
    guard !fits(example.count) else { return }
    throw DataError(
      file: path, expected: "inputs of \(means.count) numbers", found: "\(example)",
      advice: "give it the columns of the training's data")
  }

  /// The scaled numbers of the bytes 0 to 255; nil where columns are scaled differently.
  func scaledBytes<Element: NetworkScalar>() -> [Element]? {
    means.count == 1 ? (0..<256).map { Element(scaled(Double($0), column: 0)) } : nil
  }

  /// The scaled number of one in a column.
  package func scaled(_ value: Double, column: Int) -> Double {
    let place = means.count == 1 ? 0 : column
    return (value - means[place]) / deviations[place]
  }

  /// The number in a column that a scaled one stands for.
  package func unscaled(_ value: Double, column: Int) -> Double {
    let place = means.count == 1 ? 0 : column
    return value * deviations[place] + means[place]
  }

  /// The means and deviations of the columns of some rows; a column that never changes is divided by 1.
  ///
  /// - Parameters:
  ///   - values: Row by row.
  ///   - width: The columns.
  ///   - rows: The rows that count, each once.
  ///   - origins: The number that was already subtracted from each column.
  @_specialize(where Element == Float)
  init<Element: NetworkScalar>(
    of values: [Element], width: Int, rows: [Int32], origins: [Double]
  ) {
    var means = [Double](repeating: 0, count: width)
    var squares = means
    let count = Double(max(rows.count, 1))
    // In the order of memory, which is faster than that of the draw.
    var isDrawn = [Bool](repeating: false, count: values.count / max(width, 1))
    for row in rows { isDrawn[Int(row)] = true }
    // Plain memory: with arrays the compiler looks at bounds for each number.
    values.withUnsafeBufferPointer { values in
      means.withUnsafeMutableBufferPointer { means in
        squares.withUnsafeMutableBufferPointer { squares in
          guard let start = values.baseAddress, let means = means.baseAddress,
            let squares = squares.baseAddress
          else { return }
          for row in isDrawn.indices where isDrawn[row] {
            let numbers = start + row * width
            for column in 0..<width { means[column] += Double(numbers[column]) }
          }
          for column in 0..<width { means[column] /= count }
          for row in isDrawn.indices where isDrawn[row] {
            let numbers = start + row * width
            for column in 0..<width {
              let distance = Double(numbers[column]) - means[column]
              squares[column] += distance * distance
            }
          }
        }
      }
    }
    let deviations = squares.map { square -> Double in
      let deviation = (square / count).squareRoot()
      return deviation > 0 && deviation.isFinite ? deviation : 1
    }
    self.init(means: zip(means, origins).map { $0 + $1 }, deviations: deviations)
  }

  /// Scales rows of this many columns.
  @_specialize(where Element == Float)
  func apply<Element: NetworkScalar>(to values: inout [Element], width: Int) {
    values.withUnsafeMutableBufferPointer { values in
      // Where all columns are scaled alike, all numbers are one row.
      let width = means.count == 1 ? values.count : width
      for start in stride(from: 0, to: values.count, by: max(width, 1)) {
        apply(toRow: UnsafeMutableBufferPointer(rebasing: values[start..<start + width]))
      }
    }
  }

  /// Scales the numbers of one row.
  @_specialize(where Element == Float)
  func apply<Element: NetworkScalar>(toRow row: UnsafeMutableBufferPointer<Element>) {
    guard let numbers = row.baseAddress else { return }
    if means.count == 1 {
      let (mean, deviation) = (means[0], deviations[0])
      for column in 0..<row.count {
        numbers[column] = Element((Double(numbers[column]) - mean) / deviation)
      }
      return
    }
    means.withUnsafeBufferPointer { means in
      deviations.withUnsafeBufferPointer { deviations in
        precondition(
          row.count <= means.count, "\(row.count) columns, but means of \(means.count)")
        guard let mean = means.baseAddress, let deviation = deviations.baseAddress else { return }
        for column in 0..<row.count {
          numbers[column] = Element((Double(numbers[column]) - mean[column]) / deviation[column])
        }
      }
    }
  }

  /// Scales values from which origins were already subtracted.
  @_specialize(where Element == Float)
  func apply<Element: NetworkScalar>(
    to values: inout [Element], width: Int, origins: [Double]
  ) {
    let shifts = zip(means, origins).map { $0 - $1 }
    values.withUnsafeMutableBufferPointer { values in
      for start in stride(from: 0, to: values.count, by: max(width, 1)) {
        for column in 0..<width {
          let value = Double(values[start + column])
          values[start + column] = Element((value - shifts[column]) / deviations[column])
        }
      }
    }
  }
}
