import CKernels

/// Private memory of this process for numbers, aligned to cache lines; freed with its last reference.
package final class TensorMemory<Scalar> {
  /// The numbers; initially zero.
  package let values: UnsafeMutableBufferPointer<Scalar>

  /// The size in bytes of a large block, which is mapped from the system; nil for a small block.
  private let mappedBytes: Int?

  /// Allocates memory for `count` numbers. A large block uses no physical memory before it is touched.
  ///
  /// If there is not enough memory, prints how much is needed and how much is available, and ends the process with exit
  /// code 70.
  package init(count: Int) {
    precondition(count >= 0, "memory is allocated for 0 numbers or more, not for \(count)")
    let (bytes, isTooMuch) = Swift.max(count, 1).multipliedReportingOverflow(
      by: MemoryLayout<Scalar>.stride)
    if isTooMuch { MemoryShortage.end(needing: .max) }
    // Products read a stretch of each row of a large weight in turn: with small pages, each stretch is on another page.
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
/// It grows to the largest batch seen. Smaller batches use the front of the memory, so nothing is allocated after the
/// largest batch has been seen.
package struct Scratch<Scalar: NetworkScalar> {
  private var memory: TensorMemory<Scalar>?
  private var last: Tensor<Scalar>?

  /// Creates scratch memory that is empty at first.
  package init() {}

  /// Returns a tensor of this shape in the scratch memory. Its values are whatever the memory held before.
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
