/// Normalization of `Double` numbers by plain loops, for checks and small problems.
package struct DoubleNormalization: NormalizationFunctions {
  package init() {}

  package func columnSums(
    _ x: UnsafePointer<Double>, rows: Int, width: Int, shift: UnsafePointer<Double>,
    sums: UnsafeMutablePointer<Double>, squares: UnsafeMutablePointer<Double>
  ) {
    for place in 0..<rows * width {
      let column = place % width
      let difference = x[place] - shift[column]
      sums[column] += difference
      squares[column] += difference * difference
    }
  }

  package func columns(
    _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, rows: Int, width: Int,
    mean: UnsafePointer<Double>, scale: UnsafePointer<Double>, offset: UnsafePointer<Double>
  ) {
    for place in 0..<rows * width {
      let column = place % width
      y[place] = (x[place] - mean[column]) * scale[column] + offset[column]
    }
  }

  package func columnProducts(
    _ g: UnsafePointer<Double>, _ x: UnsafePointer<Double>, rows: Int, width: Int,
    mean: UnsafePointer<Double>, sums: UnsafeMutablePointer<Double>,
    products: UnsafeMutablePointer<Double>
  ) {
    for place in 0..<rows * width {
      let column = place % width
      sums[column] += g[place]
      products[column] += g[place] * (x[place] - mean[column])
    }
  }

  package func columnsGradient(
    _ g: UnsafeMutablePointer<Double>, _ x: UnsafePointer<Double>, rows: Int, width: Int,
    mean: UnsafePointer<Double>, scale: UnsafePointer<Double>, offset: UnsafePointer<Double>,
    slope: UnsafePointer<Double>
  ) {
    for place in 0..<rows * width {
      let column = place % width
      let difference = x[place] - mean[column]
      g[place] = g[place] * scale[column] - offset[column] - difference * slope[column]
    }
  }

  package func rows(
    _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, rows: Int, width: Int,
    weight: UnsafePointer<Double>, bias: UnsafePointer<Double>, epsilon: Double,
    mean: UnsafeMutablePointer<Double>, inverse: UnsafeMutablePointer<Double>
  ) {
    for row in 0..<rows {
      let places = row * width..<(row + 1) * width
      let middle = places.reduce(0) { $0 + x[$1] } / Double(width)
      let squares = places.reduce(0) { $0 + (x[$1] - middle) * (x[$1] - middle) }
      mean[row] = middle
      inverse[row] = 1 / (squares / Double(width) + epsilon).squareRoot()
      for place in places {
        let column = place - places.lowerBound
        y[place] = (x[place] - middle) * inverse[row] * weight[column] + bias[column]
      }
    }
  }

  package func rowsParameters(
    _ g: UnsafePointer<Double>, _ x: UnsafePointer<Double>, rows: Int, width: Int,
    mean: UnsafePointer<Double>, inverse: UnsafePointer<Double>,
    weightGradient: UnsafeMutablePointer<Double>, biasGradient: UnsafeMutablePointer<Double>
  ) {
    for place in 0..<rows * width {
      let (row, column) = place.quotientAndRemainder(dividingBy: width)
      weightGradient[column] += g[place] * (x[place] - mean[row]) * inverse[row]
      biasGradient[column] += g[place]
    }
  }

  package func rowsGradient(
    _ g: UnsafeMutablePointer<Double>, _ x: UnsafePointer<Double>, rows: Int, width: Int,
    weight: UnsafePointer<Double>, mean: UnsafePointer<Double>, inverse: UnsafePointer<Double>
  ) {
    for row in 0..<rows {
      let first = row * width
      var (sum, product) = (0.0, 0.0)
      for column in 0..<width {
        let weighted = g[first + column] * weight[column]
        sum += weighted
        product += weighted * (x[first + column] - mean[row])
      }
      let average = sum / Double(width)
      let slope = product / Double(width) * inverse[row] * inverse[row]
      for column in 0..<width {
        let difference = x[first + column] - mean[row]
        g[first + column] =
          (g[first + column] * weight[column] - average - difference * slope) * inverse[row]
      }
    }
  }
}
