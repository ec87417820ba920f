import CKernels

/// Memory of this process for numbers, aligned to cache lines; freed with its last user.
package final class TensorMemory<Scalar> {
  /// The memory; zero at first.
  package let values: UnsafeMutableBufferPointer<Scalar>

  /// The bytes of large memory, which is the system's own; nil for small.
  private let mappedBytes: Int?

  /// Allocates memory for `count` numbers. Large memory takes none before it is touched.
  ///
  /// Where there is not enough, a sentence says how much is needed and how much there is, and the process
  /// ends with exit code 70.
  package init(count: Int) {
    precondition(count >= 0, "memory is allocated for 0 numbers or more, not for \(count)")
    let (bytes, isTooMuch) = Swift.max(count, 1).multipliedReportingOverflow(
      by: MemoryLayout<Scalar>.stride)
    if isTooMuch { MemoryShortage.end(needing: .max) }
    // Products run through large weights a stretch of a row at a time: with small pages each is another.
    let largePage = 2 << 20
    let raw: UnsafeMutableRawPointer
    if bytes >= 2 * largePage {
      MemoryShortage.check(bytes)
      let whole = (bytes + largePage - 1) / largePage * largePage
      guard let zeros = ck_zeros(whole, largePage) else {
        MemoryShortage.end(needing: whole)
      }
      (raw, mappedBytes) = (zeros, whole)
    } else {
      raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
      raw.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
      mappedBytes = nil
    }
    values = UnsafeMutableBufferPointer(
      start: raw.bindMemory(to: Scalar.self, capacity: Swift.max(count, 1)), count: count)
  }

  deinit {
    guard let start = values.baseAddress.map({ UnsafeMutableRawPointer($0) }) else { return }
    if let mappedBytes { ck_unmap(start, mappedBytes) } else { start.deallocate() }
  }
}

/// A layer's own memory for results, kept from batch to batch.
///
/// It grows to the largest batch seen; a smaller one uses the front of it, so nothing is allocated once
/// the largest was there.
package struct Scratch<Scalar: NetworkScalar> {
  private var memory: TensorMemory<Scalar>?
  private var last: Tensor<Scalar>?

  /// Creates scratch memory that is empty at first.
  package init() {}

  /// A tensor of a shape, whose values are whatever was there.
  package mutating func tensor(_ shape: Shape) -> Tensor<Scalar> {
    if let last, last.shape == shape { return last }
    if memory == nil || memory!.values.count < shape.count {
      memory = TensorMemory(count: shape.count)
    }
    let tensor = Tensor(
      UnsafeMutableBufferPointer(rebasing: memory!.values[0..<shape.count]), shape: shape,
      owner: memory)
    last = tensor
    return tensor
  }
}
