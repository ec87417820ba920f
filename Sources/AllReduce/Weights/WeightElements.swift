internal import AllReduceMPI
internal import AllReduceNN

/// Conversion of the elements of weight files to a network's scalar type.
enum WeightElements {
  /// Whether elements of this safetensors type can be read.
  static func isKnown(_ type: String) -> Bool { ["F32", "F64", "F16", "BF16"].contains(type) }

  /// Reads elements of a tensor, starting at index `first`, until `values` is full.
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  static func read<Scalar: NetworkScalar>(
    _ file: SafetensorsFile, _ entry: SafetensorsEntry, from first: Int,
    into values: UnsafeMutableBufferPointer<Scalar>
  ) {
    guard let target = values.baseAddress else { return }
    file.withBytes(of: entry) { bytes in
      switch entry.type {
      case SafetensorsEntry.type(of: Scalar.self): file.copy(entry, from: first, into: values)
      case "F32":
        for index in 0..<values.count {
          target[index] = Scalar(
            bytes.loadUnaligned(fromByteOffset: (first + index) * 4, as: Float.self))
        }
      case "F64":
        for index in 0..<values.count {
          target[index] = Scalar(
            bytes.loadUnaligned(fromByteOffset: (first + index) * 8, as: Double.self))
        }
      default:
        widen(bytes, entry.type == "F16" ? .float16 : .bfloat16, first, target, values.count)
      }
    }
  }

  private static func widen<Scalar: NetworkScalar>(
    _ bytes: UnsafeRawBufferPointer, _ format: WireFormat, _ first: Int,
    _ target: UnsafeMutablePointer<Scalar>, _ count: Int
  ) {
    guard let kernel = WireKernel.of(format) else {
      preconditionFailure("\(format) has full width: there is nothing to widen")
    }
    // The elements of a file need not be aligned.
    let most = 4096
    let (narrow, wide) = (TensorMemory<Float>(count: most / 2), TensorMemory<Float>(count: most))
    let halves = UnsafeMutableRawBufferPointer(narrow.values)
    for start in stride(from: 0, to: count, by: most) {
      let length = min(most, count - start)
      let from = 2 * (first + start)
      halves.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[from..<from + 2 * length]))
      kernel.decode(halves.baseAddress!, to: wide.values.baseAddress!, count: length)
      (target + start).update(converting: wide.values.baseAddress!, count: length)
    }
  }
}
