package import AllReduceNN

/// A tensor of a safetensors file: its name, type and shape, and the place of its bytes.
package struct SafetensorsEntry: Hashable, Sendable {
  /// The tensor's name.
  package let name: String
  /// The type of the tensor's elements, as the format writes it: `F32`.
  package let type: String
  /// The tensor's shape.
  package let shape: Shape
  /// The range of the tensor's bytes, counted from the end of the header.
  package let bytes: Range<Int>

  /// The number of bytes per element, for each type of the format.
  static let strides = [
    "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2,
    "U16": 2, "I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
  ]

  /// Returns the format's name for a scalar type.
  static func type<Scalar: NetworkScalar>(of scalar: Scalar.Type) -> String {
    MemoryLayout<Scalar>.stride == 4 ? "F32" : "F64"
  }

  /// The name, type and shape for messages: `"0.weight" F32 [512, 784]`.
  package var summary: String { "\"\(name)\" \(type) \(shape)" }
}
