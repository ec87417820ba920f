/// The scaling of numbers before a network gets them, (number - mean) / deviation, with a mean and a deviation for each
/// column, or one of each for all columns.
package struct Scaling: Equatable, Sendable {
  /// The number that is subtracted from a value: one per column, or one for all columns.
  package let means: [Double]
  /// The number by which the difference is divided, greater than 0: one for each mean.
  package let deviations: [Double]

  /// Creates a scaling from means and deviations.
  ///
  /// - Precondition: There are equally many means and deviations, at least one of each; the deviations are greater than
  ///   0.
  package init(means: [Double], deviations: [Double]) {
    precondition(
      means.count == deviations.count && !means.isEmpty,
      "a scaling needs one deviation for each mean, and 1 mean or more, not \(means.count) means and \(deviations.count) deviations"
    )
    precondition(
      deviations.allSatisfy { $0 > 0 }, "every deviation must be greater than 0, not \(deviations)")
    (self.means, self.deviations) = (means, deviations)
  }

  /// Returns a scaling that only divides numbers, such as bytes by 255.
  package static func divided(by divisor: Double) -> Scaling {
    Scaling(means: [0], deviations: [divisor])
  }

  /// Whether the scaling leaves all numbers unchanged.
  package var changesNothing: Bool {
    means.allSatisfy { $0 == 0 } && deviations.allSatisfy { $0 == 1 }
  }

  /// Returns whether the scaling can be applied to rows of `width` columns.
  package func fits(_ width: Int) -> Bool { means.count == width || means.count == 1 }

  /// Checks that the scaling can be applied to inputs of a shape.
  ///
  /// - Throws: ``DataError`` if the scaling is for another number of columns.
  func requireFit(_ example: Shape, _ path: String) throws(DataError) {
    guard !fits(example.count) else { return }
    throw DataError(
      file: path, expected: "inputs of \(means.count) numbers", found: "\(example)",
      advice: "give it the same columns as the training data")
  }

  /// Returns the scaled numbers for the bytes 0 to 255; nil if the columns are scaled differently.
  func scaledBytes<Element: NetworkScalar>() -> [Element]? {
    means.count == 1 ? (0..<256).map { Element(scaled(Double($0), column: 0)) } : nil
  }

  /// Returns the scaled number for a value in a column.
  package func scaled(_ value: Double, column: Int) -> Double {
    let place = means.count == 1 ? 0 : column
    return (value - means[place]) / deviations[place]
  }

  /// Returns the number in a column whose scaled number is `value`.
  package func unscaled(_ value: Double, column: Int) -> Double {
    let place = means.count == 1 ? 0 : column
    return value * deviations[place] + means[place]
  }

  /// Computes the mean and standard deviation of each column over some rows; the deviation of a constant column is set
  /// to 1.
  ///
  /// - Parameters:
  ///   - values: The numbers of all rows, row by row.
  ///   - width: The number of columns.
  ///   - rows: The rows that are included, each once.
  ///   - origins: The number that was already subtracted from each column.
  @_specialize(where Element == Float)
  init<Element: NetworkScalar>(
    of values: [Element], width: Int, rows: [Int32], origins: [Double]
  ) {
    var means = [Double](repeating: 0, count: width)
    var squares = means
    let count = Double(max(rows.count, 1))
    // The rows are read in the order of memory, which is faster than the order of the draw.
    var isDrawn = [Bool](repeating: false, count: values.count / max(width, 1))
    for row in rows { isDrawn[Int(row)] = true }
    // Pointers, because with arrays the compiler checks bounds for each number.
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

  /// Scales rows of `width` columns, in place.
  @_specialize(where Element == Float)
  func apply<Element: NetworkScalar>(to values: inout [Element], width: Int) {
    values.withUnsafeMutableBufferPointer { values in
      // If all columns have the same scaling, all numbers can be treated as one row.
      let width = means.count == 1 ? values.count : width
      for start in stride(from: 0, to: values.count, by: max(width, 1)) {
        apply(toRow: UnsafeMutableBufferPointer(rebasing: values[start..<start + width]))
      }
    }
  }

  /// Scales the numbers of one row, in place.
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

  /// Scales values from which `origins` were already subtracted, in place.
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
