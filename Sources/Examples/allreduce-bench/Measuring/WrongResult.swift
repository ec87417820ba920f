import AllReduce
import ExampleSupport

/// The first wrong result of an algorithm at one size.
struct WrongResult: CustomStringConvertible {
  let algorithm: String
  let bytes: Int
  let type: ScalarType
  let operation: ReductionOperation
  /// A description of the wrong element on the lowest rank that has one.
  let place: String

  var description: String {
    "\(algorithm) gave a wrong result for the \(operation) of \(ByteCount(bytes).text) of \(type): "
      + place
  }
}
