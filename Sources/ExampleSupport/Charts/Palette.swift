/// The colours of all pictures on a white page; ``SVGDocument`` replaces each by its counterpart on a dark page.
///
/// Lines and bars have the colours of Okabe and Ito (2008), which people with any colour vision can tell apart. Other
/// libraries, with which ours is compared, have muted colours of their own, so that no two lines share both colour and
/// mark.
public enum Palette {
  /// The background of the page.
  public static let paper = "#ffffff"
  /// The background of a panel on the page.
  public static let panel = "#fafafa"
  /// Letters, arrows, and frames of complete results.
  public static let ink = "#222222"
  /// Less important letters: subtitles and labels of ticks.
  public static let quiet = "#555555"
  /// Frames and axes.
  public static let frame = "#999999"
  /// Grid lines at ticks.
  public static let grid = "#d8d8d8"
  /// Grid lines between ticks.
  public static let faint = "#f0f0f0"
  /// Empty places, and time spent waiting.
  public static let empty = "#e4e4e4"
  /// The color of reference lines, such as the time of one pass over memory.
  public static let yardstick = "#767676"

  /// The colours of this library's lines, in the order in which they are used.
  public static let ours = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#505050",
  ]
  /// The colours of other libraries' lines, in the order in which they are used.
  public static let peers = ["#7b4173", "#8c6d31", "#5b7a3a", "#843c39", "#39708c", "#6b6ecf"]

  /// The counterpart on a dark page of each colour; colours that are not listed stay as they are.
  static let dark = [
    paper: "#0d1117", panel: "#161b22", ink: "#e6edf3", quiet: "#a5adb8", frame: "#6e7681",
    grid: "#30363d", faint: "#1c2128", empty: "#30363d", yardstick: "#8b949e",
    "#0072b2": "#4aa3df", "#d55e00": "#ff7f2a", "#009e73": "#2ec79b", "#505050": "#c0c0c0",
    "#7b4173": "#b07aa8", "#8c6d31": "#c2a05a", "#5b7a3a": "#93b56c", "#843c39": "#c27570",
    "#39708c": "#6aa9c9", "#6b6ecf": "#9c9ede",
  ]
}
