package import AllReduceNN

extension Dataset {
  /// A description that tells data sets apart: "1437 examples of [8, 8, 1] in 10 classes, checksum 0123456789abcdef".
  ///
  /// The checksum covers 256 evenly spaced examples, including the first and the last, or all examples if there are
  /// fewer. It takes a few milliseconds for a data set of any size.
  package var digest: String {
    var checksum: UInt64 = 0
    let sampled = min(count, 256)
    if sampled > 0 {
      let numbers = (0..<sampled).map { sampled == 1 ? 0 : $0 * (count - 1) / (sampled - 1) }
      let inputs = Tensor<Float>(shape: exampleShape.batch(of: sampled))
      let labels = UnsafeMutableBufferPointer<Int32>.allocate(capacity: sampled)
      defer { labels.deallocate() }
      labels.initialize(repeating: 0)
      fill(numbers, inputs: inputs, labels: labels)
      let images = inputs.withValues { Checksum.of(UnsafeRawBufferPointer($0)) }
      checksum = images &* 31 &+ Checksum.of(UnsafeRawBufferPointer(labels))
      if let data = self as? any ArrayedDataset, let shape = data.valueShape {
        let values = Tensor<Float>(shape: shape.batch(of: sampled))
        data.fill(numbers, inputs: inputs, labels: labels, values: values)
        let targets = values.withValues { Checksum.of(UnsafeRawBufferPointer($0)) }
        checksum = checksum &* 31 &+ targets
      }
    }
    let targets = targetShape.map { "with targets of \($0)" } ?? "in \(classCount) classes"
    return "\(count) examples of \(exampleShape) \(targets), checksum "
      + Checksum.text(checksum)
  }
}
