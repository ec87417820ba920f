internal import CKernels

/// A part of host memory, as its owner makes it and as the other ranks reach it.
///
/// Process ids and file descriptors differ between namespaces. So the owner announces what identifies the memory
/// (device, inode, size), and writes a random word into a page after the part: a rank that has read that word also sees
/// everything that the owner wrote before it.
struct HostPart {
  /// Why a rank could not make or reach a part.
  struct Failure: Error, CustomStringConvertible {
    /// The system call that failed, or what was compared.
    let step: String
    /// The system's error number.
    let code: Int32

    init(_ step: String, code: Int32 = ck_errno()) {
      self.step = step
      self.code = code
    }

    /// Whether there is not enough memory; another way to share it would find no more.
    var isShortage: Bool { isShortageOfMemory(code) }

    var description: String {
      code == otherFile
        ? "\(step): it is not the memory that was announced" : "\(step): \(errorText(code))"
    }
  }

  let way: HostMemoryWay
  /// The number of bytes, including the page of the word.
  let bytes: Int
  private let process: Int64
  /// The file descriptor in the owner's process, or the id of the System V segment.
  private let number: Int32
  private let identity: ck_identity
  private let word: UInt64

  /// The bytes of one page, which ``init(by:bytes:at:populate:)`` allocates in addition to the bytes of the part.
  static var pageOfWord: Int { ck_page_size() }
  private var placeOfWord: Int { bytes - HostPart.pageOfWord }

  /// Creates a part and maps it.
  ///
  /// - Parameters:
  ///   - way: The way to share the part.
  ///   - size: The number of bytes in the part, a multiple of the page size.
  ///   - address: Where to map the part: reserved addresses, with ``pageOfWord`` bytes more than the part.
  ///   - populate: Whether to allocate all pages now.
  /// - Throws: ``Failure``; then nothing but mapped memory is left.
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
        throw HostPart.closing(number, Failure("allocating pages of shared memory"))
      }
      if ck_identify(number, &identity) != 0 { throw HostPart.closing(number, Failure("fstat")) }
    case .systemV:
      number = ck_system_v_make(bytes)
      if number < 0 { throw Failure("shmget") }
      let start = ck_system_v_map(address, number, bytes)
      let code = ck_errno()
      ck_system_v_remove(number)
      if start == nil { throw Failure("shmat", code: code) }
      if populate && ck_populate(address, bytes, -1) != 0 {
        throw Failure("allocating pages of shared memory")
      }
    }
    self.identity = identity
    // The page of the word must be allocated, too, before it is touched.
    if !populate && ck_populate(address + placeOfWord, HostPart.pageOfWord, -1) != 0 {
      throw HostPart.closing(
        way == .memoryFile ? number : -1, Failure("allocating pages of shared memory"))
    }
    (address + placeOfWord).storeBytes(of: word, as: UInt64.self)
  }

  private static func closing(_ file: Int32, _ failure: Failure) -> Failure {
    if file >= 0 { ck_close(file) }
    return failure
  }

  /// The number of words in the announcement of a part.
  static let wordCount = 7

  /// Creates the description of a part from the words that its owner announced.
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

  /// The words in which the owner announces the part.
  var words: [Int] {
    [
      way.rawValue, bytes, Int(process), Int(number), Int(truncatingIfNeeded: identity.device),
      Int(truncatingIfNeeded: identity.inode), Int(truncatingIfNeeded: word),
    ]
  }

  /// Checks that another rank's part can be reached, and maps it if an address is given. Not collective; the owner must
  /// keep its part until all ranks have returned.
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

  /// Closes the owner's file, if the part is a file; mapped memory stays mapped.
  func close() {
    if way == .memoryFile { ck_close(number) }
  }
}
