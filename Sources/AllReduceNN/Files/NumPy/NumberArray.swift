/// An array of numbers from an NPY file of NumPy, converted to `Element` if the file has a different type.
package struct NumberArray<Element: NetworkScalar>: Sendable {
  /// The size of each dimension, outermost first.
  package let sizes: [Int]
  /// The numbers, row by row, even if the file is column-major.
  package let elements: [Element]
  /// Whether the file has bytes, as files of images often do.
  package let isBytes: Bool

  /// Reads an NPY file, in version 1, 2 or 3 of the format, which may be compressed with gzip.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``DataError`` if the file is not an NPY file, is incomplete, or does not have numbers.
  package init(npy path: String) throws(DataError) {
    try self.init(FileBytes(path: path).bytesKept, path)
  }

  /// Reads the bytes of an NPY file.
  init(_ file: KeptBytes, _ path: String) throws(DataError) {
    let bytes = file.bytes
    let header = try NPYHeader(bytes, path)
    guard let type = NPYNumber(header.type) else {
      throw DataError(
        file: path, expected: "numbers of 8 to 64 bits, little-endian",
        found: "the type \(DataError.legible(header.type))",
        advice: "convert them, in Python by array.astype(\"<f4\")")
    }
    let sizes = header.sizes.map(String.init).joined(separator: " x ")
    let found = bytes.count - header.length
    guard let count = header.count, count <= Int.max / type.stride, found == count * type.stride
    else {
      let isLonger = header.count.map { found / type.stride >= $0 } ?? false
      throw DataError(
        file: path,
        expected: "\(sizes.isEmpty ? "one" : sizes) numbers of \(type.stride) bytes",
        found: "\(found) bytes",
        advice: "download or copy the file again: it "
          + (isLonger ? "has trailing bytes after its elements" : "was not written completely"))
    }
    guard MemoryShortage.allows(count * MemoryLayout<Element>.stride) else {
      throw MemoryShortage.tooLarge(path, "read as numbers", after: found)
    }
    self.sizes = header.sizes
    isBytes = type == .unsigned8
    let body = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[header.length...])
    var elements = [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
      type.copy(body, to: buffer, count: count)
      initialized = count
    }
    if !header.hasRowsInOrder {
      elements = NumberArray.rowByRow(elements, header.sizes)
    }
    self.elements = elements
    withExtendedLifetime(file) {}
  }

  /// Reorders the elements of a column-major array, so that the last dimension is contiguous.
  private static func rowByRow(_ elements: [Element], _ sizes: [Int]) -> [Element] {
    var distances: [Int] = []
    var distance = 1
    for size in sizes {
      distances.append(distance)
      distance *= size
    }
    var place = [Int](repeating: 0, count: sizes.count)
    var source = 0
    return [Element](unsafeUninitializedCapacity: elements.count) { buffer, initialized in
      elements.withUnsafeBufferPointer { elements in
        for index in 0..<elements.count {
          (buffer.baseAddress! + index).initialize(to: elements[source])
          var dimension = sizes.count - 1
          while dimension >= 0 {
            place[dimension] += 1
            source += distances[dimension]
            if place[dimension] < sizes[dimension] { break }
            source -= distances[dimension] * sizes[dimension]
            place[dimension] = 0
            dimension -= 1
          }
        }
      }
      initialized = elements.count
    }
  }

  /// Checks that every number is finite.
  ///
  /// - Throws: ``DataError`` that names the row and the column of the first number that is not finite.
  @_specialize(where Element == Float)
  @_specialize(where Element == Double)
  package func requireFinite(_ path: String) throws(DataError) {
    guard let place = elements.firstIndex(where: { !$0.isFinite }) else { return }
    throw NumberArray.notFinite(
      elements[place], path, at: place, width: sizes.dropFirst().reduce(1, *))
  }

  /// Creates the error for a number that is not finite; `place` is its index over all rows, which have `width` numbers
  /// each.
  static func notFinite(_ value: Element, _ path: String, at place: Int, width: Int) -> DataError {
    DataError(
      file: path, expected: "finite numbers",
      found: "\(value) in row \(place / max(width, 1))"
        + (width > 1 ? ", column \(place % width)" : "") + " (both from 0)",
      advice: "correct or remove the row")
  }
}

/// The bytes of a file, and the object that keeps them valid.
struct KeptBytes {
  let bytes: UnsafeBufferPointer<UInt8>
  let owner: AnyObject
}

extension FileBytes {
  var bytesKept: KeptBytes { KeptBytes(bytes: bytes, owner: self) }
}

/// A numeric type of NumPy, with NumPy's name as its raw value.
enum NPYNumber: String {
  case float32 = "<f4"
  case float64 = "<f8"
  case unsigned8 = "|u1"
  case signed8 = "|i1"
  case boolean = "|b1"
  case unsigned16 = "<u2"
  case signed16 = "<i2"
  case unsigned32 = "<u4"
  case signed32 = "<i4"
  case unsigned64 = "<u8"
  case signed64 = "<i8"

  init?(_ word: String) { self.init(rawValue: word) }

  /// The number of bytes per number.
  var stride: Int {
    switch self {
    case .unsigned8, .signed8, .boolean: 1
    case .unsigned16, .signed16: 2
    case .float32, .unsigned32, .signed32: 4
    case .float64, .unsigned64, .signed64: 8
    }
  }

  /// Copies numbers, which need not be aligned, and converts them to `Element`.
  @_specialize(where Element == Float)
  @_specialize(where Element == Double)
  func copy<Element: NetworkScalar>(
    _ source: UnsafeRawBufferPointer, to target: UnsafeMutableBufferPointer<Element>, count: Int
  ) {
    switch self {
    case .float32:
      if Element.self == Float.self {
        UnsafeMutableRawBufferPointer(target).copyMemory(from: source)
      } else {
        NPYNumber.convert(source, to: target, count) { (value: Float) in Element(value) }
      }
    case .float64:
      if Element.self == Double.self {
        UnsafeMutableRawBufferPointer(target).copyMemory(from: source)
      } else {
        NPYNumber.convert(source, to: target, count) { (value: Double) in Element(value) }
      }
    case .unsigned8, .boolean:
      NPYNumber.convert(source, to: target, count) { (value: UInt8) in Element(value) }
    case .signed8: NPYNumber.convert(source, to: target, count) { (value: Int8) in Element(value) }
    case .unsigned16:
      NPYNumber.convert(source, to: target, count) { (value: UInt16) in Element(value) }
    case .signed16:
      NPYNumber.convert(source, to: target, count) { (value: Int16) in Element(value) }
    case .unsigned32:
      NPYNumber.convert(source, to: target, count) { (value: UInt32) in Element(value) }
    case .signed32:
      NPYNumber.convert(source, to: target, count) { (value: Int32) in Element(value) }
    case .unsigned64:
      NPYNumber.convert(source, to: target, count) { (value: UInt64) in Element(value) }
    case .signed64:
      NPYNumber.convert(source, to: target, count) { (value: Int64) in Element(value) }
    }
  }

  @inline(__always)
  private static func convert<From: BitwiseCopyable, To>(
    _ source: UnsafeRawBufferPointer, to target: UnsafeMutableBufferPointer<To>, _ count: Int,
    _ body: (From) -> To
  ) {
    for index in 0..<count {
      let value = source.loadUnaligned(
        fromByteOffset: index * MemoryLayout<From>.stride, as: From.self)
      (target.baseAddress! + index).initialize(to: body(value))
    }
  }
}
