/// A convolution along one of an image's two dimensions: which inputs meet which outputs.
struct ConvolutionAxis {
  /// The inputs whose gradients come from the same elements of the kernel: those `stride` apart.
  ///
  /// Their gradients are a convolution of the output's gradient with every `stride`th element of the
  /// kernel, turned round, at steps of 1.
  struct Phase {
    /// The first element of the kernel that takes part.
    let offset: Int
    /// How many take part; none if the stride is longer than the kernel.
    let taps: Int
    /// The first such input, and how many there are.
    let first: Int
    let count: Int
    /// The first output that the first input met, which may be before 0.
    let start: Int
  }

  let input: Int
  let kernel: Int
  let stride: Int
  let padding: Int
  let output: Int
  /// Without those that have no input.
  let phases: [Phase]
  /// The outputs that the phases' windows span; some are before 0 or past the last.
  let span: Range<Int>

  /// Nil if the kernel does not fit the padded input.
  init?(input: Int, kernel: Int, stride: Int, padding: Int) {
    guard input > 0, input + 2 * padding >= kernel else { return nil }
    self.input = input
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    output = (input + 2 * padding - kernel) / stride + 1

    // Input i meets output o by the kernel's element i + padding - stride o.
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
