/// Counts what layers combine, without finding it out anew for a number of elements seen before.
final class CombinedBytes {
  private(set) var total = ExchangedBytes()
  private var known: [Int: ExchangedBytes] = [:]

  func add(_ count: Int, _ bytes: () -> ExchangedBytes) {
    let each = known[count] ?? bytes()
    known[count] = each
    total += each
  }
}
