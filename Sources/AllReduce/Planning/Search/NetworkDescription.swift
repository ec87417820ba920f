/// A file that describes a network: `{"layers": "784,512,relu,10"}`, in the form of the programs' option `--layers`.
package enum NetworkDescription {
  /// Reads the description of the layers from the text of a file.
  ///
  /// - Throws: ``ProfileError`` with the line and what is wrong.
  package static func layers(in text: String, file: String) throws(ProfileError) -> String {
    do throws(JSONReader.Mistake) {
      let root = try JSONReader.read(text)
      try root.allow(["layers"])
      return try root.member("layers").text("layers")
    } catch {
      throw ProfileError("\(file): line \(error.line) \(error.reason).")
    }
  }
}
