import AllReduce
import ExampleSupport

extension RankRow.MadeCall {
  init(_ made: CallComparison.MadeCall) {
    communicator = String(made.communicator, radix: 16)
    number = Int(truncatingIfNeeded: made.number)
    (hash, self.call) = (String(made.running, radix: 16), made.words)
  }

  /// The call as it is compared.
  var made: CallComparison.MadeCall {
    CallComparison.MadeCall(
      communicator: UInt64(communicator, radix: 16) ?? 0,
      number: UInt64(truncatingIfNeeded: number), running: UInt64(hash, radix: 16) ?? 0, words: call
    )
  }

  var json: JSONValue {
    .object([
      ("communicator", .text(communicator)), ("number", .integer(number)), ("hash", .text(hash)),
      ("call", .text(call)),
    ])
  }
}
