#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension TrainingData {
  /// The folder in which Debian's package dataset-fashion-mnist installs its files.
  package static let fashionMNISTDirectory = "/usr/share/datasets/fashion-mnist"

  /// Whether a folder has the file of the training images; the other files may still be missing.
  package static func hasIDX(directory: String) -> Bool {
    existing("train-images-idx3-ubyte", in: directory) != nil
  }

  /// Reads MNIST, or a collection whose files have the same names: train-images-idx3-ubyte, train-labels-idx1-ubyte,
  /// t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte. Each name may end with .gz, and may have a period instead of
  /// the hyphen before idx.
  ///
  /// - Parameters:
  ///   - directory: The folder that has the four files.
  ///   - classCount: The number of classes; nil for 10, or for more if the labels need more.
  /// - Throws: ``DataError`` that names the file and what is wrong with it.
  public init(idx directory: String, classCount: Int? = nil) throws {
    typealias Part = (pixels: IDXFile, labels: [UInt8], path: String)
    func read(_ part: String) throws(DataError) -> Part {
      let pixels = try TrainingData.open("\(part)-images-idx3-ubyte", 3, in: directory)
      let labels = try TrainingData.open("\(part)-labels-idx1-ubyte", 1, in: directory)
      guard pixels.sizes[0] == labels.sizes[0] else {
        throw DataError(
          file: labels.path,
          expected: "as many labels as \(pixels.path) has images, \(pixels.sizes[0])",
          found: "\(labels.sizes[0])", advice: "take both from the same collection")
      }
      let values = Array(
        UnsafeBufferPointer(start: labels.elements.start, count: labels.elements.count))
      return (pixels, values, labels.path)
    }
    let (training, test) = (try read("train"), try read("t10k"))
    let largest = Int(max(training.labels.max() ?? 0, test.labels.max() ?? 0))
    let classCount = classCount ?? max(10, largest + 1)
    func images(_ part: Part) throws(DataError) -> ImageDataset {
      if let wrong = part.labels.firstIndex(where: { $0 >= classCount }) {
        throw DataError(
          file: part.path, expected: "labels from 0 to \(classCount - 1)",
          found: "\(part.labels[wrong]) for example \(wrong)",
          advice: "say that there are \(largest + 1) classes")
      }
      return ImageDataset(
        name: part.pixels.path, shape: [part.pixels.sizes[1], part.pixels.sizes[2], 1],
        part.pixels.elements, labels: part.labels, classCount: classCount)
    }
    try self.init(training: images(training), test: images(test))
    format = ExampleFormat(inputs: .divided(by: 255))
  }

  private static func open(
    _ name: String, _ dimensions: Int, in directory: String
  ) throws(DataError) -> IDXFile {
    guard let path = existing(name, in: directory) else {
      throw DataError(
        file: directory, expected: "\(name) or \(name).gz", found: "neither",
        advice: "name the folder that holds all four files of the collection")
    }
    return try IDXFile(path: path, dimensions: dimensions)
  }

  private static func existing(_ name: String, in directory: String) -> String? {
    // The names of MNIST's own packed files, and the names that some unpacked copies have.
    let names = [name, name.split(separator: "-idx").joined(separator: ".idx")]
    return names.flatMap { [$0, $0 + ".gz"] }.lazy.map { "\(directory)/\($0)" }
      .first { access($0, F_OK) == 0 }
  }
}
