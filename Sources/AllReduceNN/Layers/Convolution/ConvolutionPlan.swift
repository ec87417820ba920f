import CKernels

/// How a convolution runs over images of one size: the arguments of its loops.
struct ConvolutionPlan {
  /// The convolution of the output's gradient that gives the gradients of some inputs.
  struct InputPhase {
    let windows: ck_windows
    /// Where the phase's panels begin, in elements.
    let panels: Int
    /// The elements of the kernel that are its panels' rows, and the place of the first one.
    let indices: ck_indices
    let firstElement: Int
    /// The first window's element in the spanned gradient.
    let from: Int
    /// The first input's element.
    let to: Int
  }

  let image: Shape
  let rows: ConvolutionAxis
  let columns: ConvolutionAxis
  let inputChannels: Int
  let outputChannels: Int
  /// The windows of the padded image.
  let windows: ck_windows
  let phases: [InputPhase]
  /// The elements of all phases' panels.
  let phasePanels: Int

  /// Nil if the kernel does not fit the padded image.
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

  /// The numbers of one output's kernel.
  var kernelCount: Int { rows.kernel * columns.kernel * inputChannels }

  var isPadded: Bool { rows.padding > 0 || columns.padding > 0 }

  /// The elements of the padded image.
  var paddedCount: Int {
    (rows.input + 2 * rows.padding) * (columns.input + 2 * columns.padding) * inputChannels
  }

  /// Whether the phases' windows span just the output.
  var spansOutput: Bool {
    rows.span == 0..<rows.output && columns.span == 0..<columns.output
  }

  /// The elements that the phases' windows span.
  var spannedCount: Int { rows.span.count * columns.span.count * outputChannels }

  /// The panels' rows of the weights, `[output, ...]`.
  var weightIndices: ck_indices {
    ck_indices(counts: (1, 1, kernelCount), steps: (0, 0, 1))
  }
}
