/// The colours of all pictures, as they are on white; ``SVGDocument`` gives each a twin for a dark page.
///
/// Lines and bars are in Okabe and Ito's colours (2008), which people of all colour vision tell apart. What is compared
/// with ours, other libraries, has muted colours of its own, so that no two lines share colour and mark.
public enum Palette {
  /// The page.
  public static let paper = "#ffffff"
  /// A field on it.
  public static let panel = "#fafafa"
  /// Letters, arrows, frames of what is complete.
  public static let ink = "#222222"
  /// Letters that say less: subtitles, labels of ticks.
  public static let quiet = "#555555"
  /// Frames and axes.
  public static let frame = "#999999"
  /// Lines at ticks.
  public static let grid = "#d8d8d8"
  /// Lines between ticks.
  public static let faint = "#f0f0f0"
  /// The colour of empty places, and of waiting.
  public static let empty = "#e4e4e4"
  /// Yardsticks.
  public static let yardstick = "#767676"

  /// The colours of this library.
  public static let ours = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#505050",
  ]
  /// The colours of what it is compared with.
  public static let peers = ["#7b4173", "#8c6d31", "#5b7a3a", "#843c39", "#39708c", "#6b6ecf"]

  /// The colour on a dark page for each colour; one that is not listed stays.
  static let dark = [
    paper: "#0d1117", panel: "#161b22", ink: "#e6edf3", quiet: "#a5adb8", frame: "#6e7681",
    grid: "#30363d", faint: "#1c2128", empty: "#30363d", yardstick: "#8b949e",
    "#0072b2": "#4aa3df", "#d55e00": "#ff7f2a", "#009e73": "#2ec79b", "#505050": "#c0c0c0",
    "#7b4173": "#b07aa8", "#8c6d31": "#c2a05a", "#5b7a3a": "#93b56c", "#843c39": "#c27570",
    "#39708c": "#6aa9c9", "#6b6ecf": "#9c9ede",
  ]
}
