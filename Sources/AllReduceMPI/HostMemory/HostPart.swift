internal import CKernels

/// A part of host memory as its owner has made it, and as the others reach it.
///
/// Process numbers and file numbers differ between namespaces. So the owner announces what identifies the
/// memory (device, inode, size), and writes a random word into a page after the part: a rank that has read that word
/// also sees all that the owner wrote before it.
struct HostPart {
  /// Why a rank could not make or reach a part.
  struct Failure: Error, CustomStringConvertible {
    /// The system call, or what was compared.
    let step: String
    /// The system's number of the error.
    let code: Int32

    init(_ step: String, code: Int32 = ck_errno()) {
      self.step = step
      self.code = code
    }

    /// Whether there is not enough memory; another way would find no more.
    var isShortage: Bool { isShortageOfMemory(code) }

    var description: String {
      code == otherFile
        ? "\(step): it is not the memory that was announced" : "\(step): \(errorText(code))"
    }
  }

  let way: HostMemoryWay
  /// Bytes with the page of the word.
  let bytes: Int
  private let process: Int64
  /// The file or segment, by its number in the owner's process or system.
  private let number: Int32
  private let identity: ck_identity
  private let word: UInt64

  /// The bytes of one page, which ``init(by:bytes:at:populate:)`` allocates in addition to the bytes of the part.
  static var pageOfWord: Int { ck_page_size() }
  private var placeOfWord: Int { bytes - HostPart.pageOfWord }

  /// Makes a part and maps it.
  ///
  /// - Parameters:
  ///   - way: How it is shared.
  ///   - size: Bytes of the part, a multiple of the page size.
  ///   - address: Where to map it: addresses that were set aside, and ``pageOfWord`` bytes more.
  ///   - populate: Whether to take all pages now.
  /// - Throws: ``Failure``; then only mapped memory is left.
  init(
    by way: HostMemoryWay, bytes size: Int, at address: UnsafeMutableRawPointer, populate: Bool
  ) throws(Failure) {
    self.way = way
    bytes = size + HostPart.pageOfWord
    process = ck_process()
    var word: UInt64 = 0
    if ck_random_word(&word) != 0 { throw Failure("getrandom") }
    self.word = word
    var identity = ck_identity()
    switch way {
    case .memoryFile:
      number = ck_memory_file(bytes)
      if number < 0 { throw Failure("memfd_create") }
      if ck_map_shared(address, number, bytes) == nil {
        throw HostPart.closing(number, Failure("mmap"))
      }
      if populate && ck_populate(address, bytes, number) != 0 {
        throw HostPart.closing(number, Failure("taking pages"))
      }
      if ck_identify(number, &identity) != 0 { throw HostPart.closing(number, Failure("fstat")) }
    case .systemV:
      number = ck_system_v_make(bytes)
      if number < 0 { throw Failure("shmget") }
      let start = ck_system_v_map(address, number, bytes)
      let code = ck_errno()
      ck_system_v_remove(number)
      if start == nil { throw Failure("shmat", code: code) }
      if populate && ck_populate(address, bytes, -1) != 0 { throw Failure("taking pages") }
    }
    self.identity = identity
    // The word's page too must be there before it is touched.
    if !populate && ck_populate(address + placeOfWord, HostPart.pageOfWord, -1) != 0 {
      throw HostPart.closing(way == .memoryFile ? number : -1, Failure("taking pages"))
    }
    (address + placeOfWord).storeBytes(of: word, as: UInt64.self)
  }

  private static func closing(_ file: Int32, _ failure: Failure) -> Failure {
    if file >= 0 { ck_close(file) }
    return failure
  }

  /// The number of words that describe a part.
  static let wordCount = 7

  /// The part as a rank has announced it.
  init(words: some Sequence<Int>) {
    let words = Array(words)
    way = HostMemoryWay(rawValue: words[0]) ?? .memoryFile
    bytes = words[1]
    process = Int64(words[2])
    number = Int32(truncatingIfNeeded: words[3])
    identity = ck_identity(
      device: UInt64(bitPattern: Int64(words[4])), inode: UInt64(bitPattern: Int64(words[5])),
      bytes: Int64(bytes))
    word = UInt64(bitPattern: Int64(words[6]))
  }

  /// The words that the owner announces.
  var words: [Int] {
    [
      way.rawValue, bytes, Int(process), Int(number), Int(truncatingIfNeeded: identity.device),
      Int(truncatingIfNeeded: identity.inode), Int(truncatingIfNeeded: word),
    ]
  }

  /// Proves that another rank's part can be reached, and maps it if an address is given. Collective in
  /// nothing; the owner must keep its part until all have come back.
  ///
  /// - Throws: ``Failure``; then nothing of the other rank has been changed.
  func reach(mappingAt address: UnsafeMutableRawPointer? = nil) throws(Failure) {
    switch way {
    case .memoryFile:
      let opened = ck_open_of(process, number, identity)
      if opened < 0 { throw Failure("/proc/\(process)/fd/\(number)") }
      defer { ck_close(opened) }
      if ck_file_holds(opened, placeOfWord, word) != 0 {
        throw Failure("/proc/\(process)/fd/\(number)")
      }
      if let address, ck_map_shared(address, opened, bytes) == nil { throw Failure("mmap") }
    case .systemV:
      if ck_system_v_holds(number, bytes, placeOfWord, word) != 0 { throw Failure("shmat") }
      if let address, ck_system_v_map(address, number, bytes) == nil { throw Failure("shmat") }
    }
    if let address, (address + placeOfWord).load(as: UInt64.self) != word {
      throw Failure("mmap", code: otherFile)
    }
  }

  /// Closes the owner's file or segment; mapped memory stays.
  func close() {
    if way == .memoryFile { ck_close(number) }
  }
}
