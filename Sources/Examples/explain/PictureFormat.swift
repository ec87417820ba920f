import ArgumentParser

/// The format of a picture.
enum PictureFormat: String, CaseIterable, ExpressibleByArgument {
  /// Text for a terminal of 80 columns.
  case text
  /// SVG for a page.
  case svg
}
