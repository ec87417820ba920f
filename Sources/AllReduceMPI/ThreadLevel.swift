internal import CMPI

/// Which threads of a rank may call MPI, and when (MPI-4.1, section 11.6).
public enum ThreadLevel: Int32, Comparable, Sendable, CustomStringConvertible {
  /// The process has one thread.
  case single = 0
  /// Only the thread that initialised MPI may call it. This is the level that the library needs and asks for.
  case funneled = 1
  /// Any thread may call MPI, one at a time.
  case serialized = 2
  /// Any thread may call MPI at any time.
  case multiple = 3

  /// Whether `left` allows less than `right`.
  public static func < (left: ThreadLevel, right: ThreadLevel) -> Bool {
    left.rawValue < right.rawValue
  }

  /// The level's name in the standard, in lower case.
  public var description: String {
    switch self {
    case .single: "single"
    case .funneled: "funneled"
    case .serialized: "serialized"
    case .multiple: "multiple"
    }
  }

  var constant: Int32 {
    switch self {
    case .single: Int32(MPI_THREAD_SINGLE)
    case .funneled: Int32(MPI_THREAD_FUNNELED)
    case .serialized: Int32(MPI_THREAD_SERIALIZED)
    case .multiple: Int32(MPI_THREAD_MULTIPLE)
    }
  }

  static func fromConstant(_ constant: Int32) -> ThreadLevel {
    [ThreadLevel.multiple, .serialized, .funneled].first { constant >= $0.constant } ?? .single
  }
}
