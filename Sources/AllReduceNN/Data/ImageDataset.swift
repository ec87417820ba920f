internal import CKernels

/// Labeled images, in memory or in mapped files. Pixels are stored as bytes and converted when a batch is made.
package struct ImageDataset: Dataset {
  /// A name for messages, such as the path of the file.
  package let name: String
  /// The number of images.
  package let count: Int
  /// The shape of an image, `[height, width, channels]`.
  package let exampleShape: Shape
  /// The number of classes.
  package let classCount: Int
  private let pixels: SharedBytes
  private let labels: [UInt8]
  // The input for a byte is byte * scale + offset.
  private let scale: Float
  private let offset: Float

  /// Creates a data set from images and labels. The pixels are copied.
  ///
  /// - Parameters:
  ///   - name: A name for messages, such as the path of the file.
  ///   - shape: The shape of an image, `[height, width, channels]`.
  ///   - pixels: The pixels of all images, image by image and row by row.
  ///   - labels: The labels of the images, one per image, each below `classCount`.
  ///   - classCount: The number of classes.
  ///   - whitest: The byte that becomes 1; the byte 0 becomes 0.
  /// - Precondition: Each image has a label, and every label is below the number of classes.
  package init(
    name: String, shape: Shape, pixels: [UInt8], labels: [UInt8], classCount: Int,
    whitest: UInt8 = 255
  ) {
    self.init(
      name: name, shape: shape, SharedBytes(FileBytes(copying: pixels)), labels: labels,
      classCount: classCount, whitest: whitest)
  }

  init(
    name: String, shape: Shape, _ pixels: SharedBytes, labels: [UInt8], classCount: Int,
    whitest: UInt8 = 255
  ) {
    precondition(
      pixels.count == labels.count * shape.count,
      "there must be the pixels of \(labels.count) images of \(shape), not \(pixels.count) bytes")
    precondition(
      labels.allSatisfy { $0 < classCount }, "a label is not below \(classCount) in \(name)")
    self.init(
      name: name, exampleShape: shape, classCount: classCount, pixels: pixels, labels: labels,
      scale: 1 / Float(whitest), offset: 0)
  }

  private init(
    name: String, exampleShape: Shape, classCount: Int, pixels: SharedBytes, labels: [UInt8],
    scale: Float, offset: Float
  ) {
    self.name = name
    count = labels.count
    self.exampleShape = exampleShape
    self.classCount = classCount
    self.pixels = pixels
    self.labels = labels
    self.scale = scale
    self.offset = offset
  }

  /// Returns the same images with normalized inputs, (input - mean) / deviation.
  ///
  /// - Parameters:
  ///   - mean: The mean of the inputs, which are from 0 to 1; 0.2860 for Fashion-MNIST.
  ///   - deviation: The standard deviation of the inputs; 0.3530 for Fashion-MNIST.
  /// - Returns: A data set that shares the bytes of this one.
  /// - Precondition: The deviation is greater than 0.
  package func normalized(mean: Float, deviation: Float) -> ImageDataset {
    precondition(deviation > 0, "the deviation must be more than 0, not \(deviation)")
    return ImageDataset(
      name: name, exampleShape: exampleShape, classCount: classCount, pixels: pixels,
      labels: labels, scale: scale / deviation, offset: (offset - mean) / deviation)
  }

  /// Writes the inputs, converted from bytes, and the labels of some examples.
  package func fill(
    _ examples: [Int], inputs: Tensor<Float>, labels: UnsafeMutableBufferPointer<Int32>
  ) {
    checkFill(examples, inputs, labels)
    guard !examples.isEmpty, exampleShape.count > 0 else { return }
    let size = exampleShape.count
    for (place, example) in examples.enumerated() {
      labels[place] = Int32(self.labels[example])
      // Shuffled images are scattered over memory, so the processor cannot prefetch the next one by itself.
      let ahead = place + 3
      if ahead < examples.count { ck_prefetch(pixels.start + examples[ahead] * size, size) }
      ImageDataset.convert(
        pixels.start + example * size, to: inputs.base + place * size, count: size, scale, offset)
    }
  }

  private static func convert(
    _ bytes: UnsafePointer<UInt8>, to numbers: UnsafeMutablePointer<Float>, count: Int,
    _ scale: Float, _ offset: Float
  ) {
    for index in 0..<count { numbers[index] = Float(bytes[index]) * scale + offset }
  }
}
