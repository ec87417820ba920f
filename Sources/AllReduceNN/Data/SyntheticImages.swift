/// Images that are computed on demand and not read from a file: for each class, a pattern under random noise.
///
/// An image is a function of the seed and its number, so that each rank computes only its own images, and a data set of
/// any size needs memory only for the patterns. Pixels are from 0 to 1; the pattern makes up a quarter of each pixel,
/// and noise the rest. A linear classifier can learn to distinguish the classes.
package struct SyntheticImages: Dataset {
  /// The name of the data set, for messages.
  package var name: String { "synthetic images" }
  /// The number of images.
  package let count: Int
  /// The shape of an image, `[height, width, channels]`.
  package let exampleShape: Shape
  /// The number of classes.
  package let classCount: Int
  private let first: Int
  private let random: Philox
  private let patterns: [UInt8]

  /// Creates a set of images, and computes the patterns of the classes.
  ///
  /// - Parameters:
  ///   - count: The number of images.
  ///   - shape: The shape of an image, `[height, width, channels]`.
  ///   - classCount: The number of classes.
  ///   - seed: The seed of the patterns and the noise.
  ///   - first: The number of the set's first image in the endless sequence of images of a seed. With the same seed,
  ///     sets for training and for testing have the same patterns; with different numbers, they have different images.
  package init(
    count: Int, shape: Shape = [28, 28, 1], classCount: Int = 10, seed: UInt64 = 0, first: Int = 0
  ) {
    precondition(
      count >= 0 && first >= 0, "there cannot be \(count) images, numbered from \(first) on")
    precondition(classCount >= 1, "there must be 1 or more classes, not \(classCount)")
    self.count = count
    exampleShape = shape
    self.classCount = classCount
    self.first = first
    let random = Philox(seed: seed)
    self.random = random
    var patterns = [UInt8](repeating: 0, count: classCount * shape.count)
    for number in 0..<classCount {
      let part = number * shape.count..<(number + 1) * shape.count
      patterns[part].withUnsafeMutableBufferPointer { pattern in
        SyntheticImages.forEachByte(
          of: pattern.count, random, stream: .max - UInt64(number)
        ) { index, byte in pattern[index] = byte }
      }
    }
    self.patterns = patterns
  }

  /// Computes the images and labels of some examples.
  package func fill(
    _ examples: [Int], inputs: Tensor<Float>, labels: UnsafeMutableBufferPointer<Int32>
  ) {
    checkFill(examples, inputs, labels)
    let size = exampleShape.count
    patterns.withUnsafeBufferPointer { patterns in
      for (place, example) in examples.enumerated() {
        let number = first + example
        // Labels use a stream of their own, after the streams of the images.
        let label = Int(random.block(at: UInt64(number), stream: 1 << 63).x) % classCount
        labels[place] = Int32(label)
        guard size > 0 else { continue }
        SyntheticImages.draw(
          patterns.baseAddress.unsafelyUnwrapped + label * size, inputs.base + place * size,
          count: size, random, stream: UInt64(number))
      }
    }
  }

  /// Writes one image: a pattern under the noise of a random stream.
  private static func draw(
    _ pattern: UnsafePointer<UInt8>, _ pixels: UnsafeMutablePointer<Float>, count: Int,
    _ random: Philox, stream: UInt64
  ) {
    forEachByte(of: count, random, stream: stream) { index, noise in
      pixels[index] = Float(Int32(pattern[index]) + 3 * Int32(noise)) * (1 / 1_020)
    }
  }

  /// Calls `use` with the index and the value of each of `count` random bytes of a stream; a block has 16 bytes.
  @inline(__always)
  private static func forEachByte(
    of count: Int, _ random: Philox, stream: UInt64, _ use: (Int, UInt8) -> Void
  ) {
    var index = 0
    var block: UInt64 = 0
    while index < count {
      let bits = random.block(at: block, stream: stream)
      block += 1
      for word in 0..<4 {
        for shift in 0..<4 as Range<UInt32> where index < count {
          use(index, UInt8(truncatingIfNeeded: bits[word] >> (8 * shift)))
          index += 1
        }
      }
    }
  }
}

extension TrainingData {
  /// Creates synthetic images (`SyntheticImages`), different ones for training and for testing.
  ///
  /// - Parameters:
  ///   - count: The number of images for training.
  ///   - testCount: The number of images for testing.
  ///   - shape: The shape of an image, `[height, width, channels]`.
  ///   - classCount: The number of classes.
  ///   - seed: The seed of the patterns and the noise.
  /// - Returns: The training set and the test set.
  public static func synthetic(
    count: Int = 60_000, testCount: Int = 10_000, shape: Shape = [28, 28, 1],
    classCount: Int = 10, seed: UInt64 = 0
  ) -> TrainingData {
    func images(_ count: Int, _ first: Int) -> SyntheticImages {
      SyntheticImages(
        count: count, shape: shape, classCount: classCount, seed: seed, first: first)
    }
    var data = TrainingData(alike: images(count, 0), images(testCount, count))
    data.format = ExampleFormat()
    return data
  }
}
