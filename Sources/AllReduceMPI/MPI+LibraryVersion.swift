internal import CMPI

extension MPI {
  /// The name and version of the MPI library, such as "Open MPI v4.1.4".
  ///
  /// It may be read at any time. `MPI_Get_library_version`, up to the first comma.
  package static var libraryVersion: String {
    var length: Int32 = 0
    return withUnsafeTemporaryAllocation(
      of: CChar.self, capacity: Int(MPI_MAX_LIBRARY_VERSION_STRING)
    ) { text in
      MPI_Get_library_version(text.baseAddress, &length)
      let bytes = text.prefix(Int(length)).map { UInt8(bitPattern: $0) }
      return String(decoding: bytes.prefix { $0 != UInt8(ascii: ",") && $0 != 0 }, as: UTF8.self)
    }
  }
}
