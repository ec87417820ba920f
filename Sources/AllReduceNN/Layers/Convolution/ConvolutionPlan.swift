import CKernels

/// How a convolution runs over images of one size: the arguments of its loops.
struct ConvolutionPlan {
  /// A part of the backward pass: the convolution of the output's gradient that computes the gradients of the inputs of
  /// one phase along each axis (``ConvolutionAxis/Phase``).
  struct InputPhase {
    let windows: ck_windows
    /// Where the phase's panels begin in the panels of all phases, in elements.
    let panels: Int
    /// Which elements of the kernel are the rows of the phase's panels, relative to `firstElement`.
    let indices: ck_indices
    /// The index, in the weights, of the kernel element of the first row.
    let firstElement: Int
    /// The index of the first window's first element in the spanned gradient.
    let from: Int
    /// The index of the phase's first input element in the image.
    let to: Int
  }

  let image: Shape
  let rows: ConvolutionAxis
  let columns: ConvolutionAxis
  let inputChannels: Int
  let outputChannels: Int
  /// The windows of the padded image in the forward pass.
  let windows: ck_windows
  let phases: [InputPhase]
  /// The number of elements in the panels of all phases.
  let phasePanels: Int

  /// Creates the plan for images of this shape; nil if the kernel does not fit the padded image.
  init?(_ image: Shape, outputChannels: Int, kernel: Size2D, stride: Size2D, padding: Size2D) {
    guard
      let rows = ConvolutionAxis(
        input: image[0], kernel: kernel.height, stride: stride.height, padding: padding.height),
      let columns = ConvolutionAxis(
        input: image[1], kernel: kernel.width, stride: stride.width, padding: padding.width)
    else { return nil }
    self.image = image
    self.rows = rows
    self.columns = columns
    self.outputChannels = outputChannels
    inputChannels = image[2]

    let channels = image[2]
    let line = (image[1] + 2 * padding.width) * channels
    windows = ck_windows(
      rows: rows.output, columns: columns.output, row_step: stride.height * line,
      column_step: stride.width * channels, runs: kernel.height, run: kernel.width * channels,
      run_step: line)

    let spannedLine = columns.span.count * outputChannels
    var phases: [InputPhase] = []
    var panels = 0
    for row in rows.phases {
      for column in columns.phases {
        // The kernel's last element in each direction comes first.
        let lastRow = row.offset + stride.height * (row.taps - 1)
        let lastColumn = column.offset + stride.width * (column.taps - 1)
        let meets = row.taps > 0 && column.taps > 0
        phases.append(
          InputPhase(
            windows: ck_windows(
              rows: row.count, columns: column.count, row_step: spannedLine,
              column_step: outputChannels, runs: meets ? row.taps : 0,
              run: meets ? column.taps * outputChannels : 0, run_step: spannedLine),
            panels: panels,
            indices: ck_indices(
              counts: (row.taps, column.taps, outputChannels),
              steps: (
                -stride.height * kernel.width * channels, -stride.width * channels,
                kernel.count * channels
              )),
            firstElement: meets ? (lastRow * kernel.width + lastColumn) * channels : 0,
            from: meets
              ? (row.start - rows.span.lowerBound) * spannedLine
                + (column.start - columns.span.lowerBound) * outputChannels : 0,
            to: (row.first * image[1] + column.first) * channels))
        panels += row.taps * column.taps * outputChannels * LayerKernels.rounded(channels)
      }
    }
    self.phases = phases
    phasePanels = panels
  }

  /// The shape of an image's output.
  var output: Shape { [rows.output, columns.output, outputChannels] }

  /// The number of weights per output channel.
  var kernelCount: Int { rows.kernel * columns.kernel * inputChannels }

  var isPadded: Bool { rows.padding > 0 || columns.padding > 0 }

  /// The number of elements in the padded image.
  var paddedCount: Int {
    (rows.input + 2 * rows.padding) * (columns.input + 2 * columns.padding) * inputChannels
  }

  /// Whether the phases' windows span exactly the output.
  var spansOutput: Bool {
    rows.span == 0..<rows.output && columns.span == 0..<columns.output
  }

  /// The number of elements of the output's gradient that the phases' windows span, zeros outside the output included.
  var spannedCount: Int { rows.span.count * columns.span.count * outputChannels }

  /// Where the rows of the forward pass's panels are in the weights, `[outputChannels, ...]`.
  var weightIndices: ck_indices {
    ck_indices(counts: (1, 1, kernelCount), steps: (0, 0, 1))
  }
}
