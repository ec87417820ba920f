import ArgumentParser

/// The forms of a picture.
enum PictureFormat: String, CaseIterable, ExpressibleByArgument {
  /// For a terminal.
  case text
  /// For a page.
  case svg
}
