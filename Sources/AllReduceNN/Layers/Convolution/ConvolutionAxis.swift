/// A convolution along one of an image's two dimensions: which inputs contribute to which outputs.
struct ConvolutionAxis {
  /// The inputs, `stride` apart, whose gradients come from the same elements of the kernel.
  ///
  /// Their gradients are a convolution, with stride 1, of the output's gradient with every `stride`th element of the
  /// kernel, in reverse order.
  struct Phase {
    /// The index of the phase's first kernel element.
    let offset: Int
    /// The number of the phase's kernel elements; can be 0 only if the stride is longer than the kernel.
    let taps: Int
    /// The index of the phase's first input.
    let first: Int
    /// The number of inputs in the phase.
    let count: Int
    /// The index of the first output that the phase's first input contributes to; may be negative.
    let start: Int
  }

  let input: Int
  let kernel: Int
  let stride: Int
  let padding: Int
  let output: Int
  /// The phases that have at least one input.
  let phases: [Phase]
  /// The range of outputs that the phases' windows span; may start below 0 and end after the last output.
  let span: Range<Int>

  /// Creates the convolution; nil if the kernel does not fit the padded input.
  init?(input: Int, kernel: Int, stride: Int, padding: Int) {
    guard input > 0, input + 2 * padding >= kernel else { return nil }
    self.input = input
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    output = (input + 2 * padding - kernel) / stride + 1

    // Input i contributes to output o by the kernel's element i + padding - stride * o.
    phases = (0..<stride).compactMap { offset in
      let turn = max(0, padding - offset + stride - 1) / stride
      let first = offset + stride * turn - padding
      guard first < input else { return nil }
      let taps = offset < kernel ? (kernel - offset + stride - 1) / stride : 0
      return Phase(
        offset: offset, taps: taps, first: first, count: (input - 1 - first) / stride + 1,
        start: turn - taps + 1)
    }
    let windowed = phases.filter { $0.taps > 0 }
    let low = windowed.map(\.start).min() ?? 0
    span = low..<(windowed.map { $0.start + $0.count + $0.taps - 1 }.max() ?? low)
  }
}
