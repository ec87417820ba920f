internal import AllReduceNN

/// The order of a tensor's elements in programs such as PyTorch, which put an image's channels before height and width.
///
/// In this library the tensor is `[outer, positions, channels]`; in those programs it is
/// `[outer, channels, positions]`. A convolution's weight is `[filters, height * width, channels]` here. The weight of
/// the dense layer after `Flatten` is `[outputs, height * width, channels]`, since its inputs are the pixels in the
/// order in which they were flattened.
struct ChannelOrder: Equatable {
  let outer: Int
  let positions: Int
  let channels: Int

  /// Creates the order of a tensor of these sizes; nil if both orders are the same: with one position or one channel.
  init?(outer: Int, positions: Int, channels: Int) {
    guard positions > 1, channels > 1 else { return nil }
    (self.outer, self.positions, self.channels) = (outer, positions, channels)
  }

  /// The number of elements for each index of the outer dimension.
  var count: Int { positions * channels }

  /// Copies the matrix `source`, `[channels, positions]`, to `target`, transposed to `[positions, channels]`.
  func toChannelsLast<Scalar>(
    _ source: UnsafePointer<Scalar>, _ target: UnsafeMutablePointer<Scalar>
  ) {
    ChannelOrder.transpose(source, target, rows: channels, columns: positions)
  }

  /// Copies the matrix `source`, `[positions, channels]`, to `target`, transposed to `[channels, positions]`.
  func toChannelsFirst<Scalar>(
    _ source: UnsafePointer<Scalar>, _ target: UnsafeMutablePointer<Scalar>
  ) {
    ChannelOrder.transpose(source, target, rows: positions, columns: channels)
  }

  @_specialize(where Scalar == Float)
  private static func transpose<Scalar>(
    _ source: UnsafePointer<Scalar>, _ target: UnsafeMutablePointer<Scalar>, rows: Int,
    columns: Int
  ) {
    for row in 0..<rows {
      for column in 0..<columns { target[column * rows + row] = source[row * columns + column] }
    }
  }
}
