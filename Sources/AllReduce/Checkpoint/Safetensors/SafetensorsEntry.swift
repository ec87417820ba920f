package import AllReduceNN

/// A tensor of a safetensors file: what it is called, what it holds and where.
package struct SafetensorsEntry: Hashable, Sendable {
  /// Its name.
  package let name: String
  /// The type of its elements, as the format writes it: `F32`.
  package let type: String
  /// Its sizes.
  package let shape: Shape
  /// Its bytes, counted from the end of the header.
  package let bytes: Range<Int>

  /// The bytes of an element of each type of the format.
  static let strides = [
    "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2,
    "U16": 2, "I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
  ]

  /// How the format calls a type.
  static func type<Scalar: NetworkScalar>(of scalar: Scalar.Type) -> String {
    MemoryLayout<Scalar>.stride == 4 ? "F32" : "F64"
  }

  /// `"0.weight" F32 [512, 784]`, for messages.
  package var summary: String { "\"\(name)\" \(type) \(shape)" }
}
