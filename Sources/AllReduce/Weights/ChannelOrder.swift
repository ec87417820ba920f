internal import AllReduceNN

/// How a tensor's elements lie in programs that have an image's channels before its height and width, as PyTorch has.
///
/// Here the tensor is `[outer, positions, channels]`, there `[outer, channels, positions]`: a convolution's weight is
/// `[filters, height width, channels]`; the weight of the dense layer after `Flatten` `[outputs, height width,
/// channels]`, since it takes the pixels in the order in which they are flattened.
struct ChannelOrder: Equatable {
  let outer: Int
  let positions: Int
  let channels: Int

  /// Nil where both orders are one.
  init?(outer: Int, positions: Int, channels: Int) {
    guard positions > 1, channels > 1 else { return nil }
    (self.outer, self.positions, self.channels) = (outer, positions, channels)
  }

  /// The elements of one of the outer ones.
  var count: Int { positions * channels }

  /// Turns `[channels, positions]` into `[positions, channels]`.
  func toChannelsLast<Scalar>(
    _ source: UnsafePointer<Scalar>, _ target: UnsafeMutablePointer<Scalar>
  ) {
    ChannelOrder.transpose(source, target, rows: channels, columns: positions)
  }

  /// Turns `[positions, channels]` into `[channels, positions]`.
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
