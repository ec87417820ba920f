internal import AllReduceNN

extension ExampleFormat {
  /// The format as JSON for a checkpoint's metadata, without the properties that are nil.
  var json: JSONValue {
    var members: [(String, JSONValue)] = []
    if let shape { members.append(("shape", .integers(shape))) }
    if let columns { members.append(("columns", .list(columns.map { .text($0) }))) }
    if let target { members.append(("target", .text(target))) }
    if let classes { members.append(("classes", .list(classes.map { .text($0) }))) }
    for (name, scaling) in [("inputs", inputs), ("targets", targets)] {
      guard let scaling else { continue }
      members.append(
        (
          name,
          .object([
            ("means", .numbers(scaling.means)), ("deviations", .numbers(scaling.deviations)),
          ])
        ))
    }
    return .object(members)
  }

  /// Creates a format from the JSON object that ``json`` returns.
  ///
  /// - Throws: ``StateFields/Mistake`` if a member is missing or wrong.
  init(_ fields: StateFields) throws(StateFields.Mistake) {
    func scaling(_ name: String) throws(StateFields.Mistake) -> Scaling? {
      guard fields.has(name) else { return nil }
      let object = try fields.object(name)
      let means = try object.numbers("means")
      let deviations = try object.numbers("deviations")
      guard means.count == deviations.count, !means.isEmpty, deviations.allSatisfy({ $0 > 0 })
      else {
        throw StateFields.Mistake(
          expected: "one or more means of \"\(name)\", and a standard deviation above 0 for each",
          found: "\(means.count) means and \(deviations.count) deviations"
            + (deviations.min().map { ", the smallest \($0)" } ?? ""))
      }
      return Scaling(means: means, deviations: deviations)
    }
    self.init(
      columns: fields.has("columns") ? try fields.texts("columns") : nil,
      target: try fields.optionalText("target"),
      classes: fields.has("classes") ? try fields.texts("classes") : nil,
      inputs: try scaling("inputs"), targets: try scaling("targets"))
    if fields.has("shape") {
      let sizes = try fields.counts("shape")
      guard Shape.fits(sizes) else {
        throw StateFields.Mistake(
          expected: "at most \(Shape.mostDimensions) sizes as \"shape\", with a product below 2^63",
          found: "\(sizes)")
      }
      shape = sizes
    }
  }
}
