internal import CZlib

/// Named arrays in an NPZ file of NumPy, which `numpy.savez` and `numpy.savez_compressed` write.
///
/// The file is a zip file whose members are NPY files, stored or deflated (APPNOTE.TXT of PKWARE, zip 4.5 for more than
/// 4 GiB).
package struct NPZFile {
  /// The path of the file.
  package let path: String
  /// The names of the arrays, in the order of the file.
  package let names: [String]
  private let members: [String: Member]
  private let file: FileBytes

  private struct Member {
    let method: Int
    let packed: Int
    let size: Int
    let place: Int
  }

  /// Opens an NPZ file and reads its directory.
  ///
  /// - Throws: ``DataError`` if the file is not a zip file of arrays.
  package init(path: String) throws(DataError) {
    let file = try FileBytes(path: path, unpacks: false)
    self.path = path
    self.file = file
    let zip = ZipBytes(bytes: file.bytes)
    func wrong(_ found: String) -> DataError {
      DataError(
        file: path, expected: "a file of numpy.savez, which is a zip file", found: found,
        advice: "check that it is the right file, written completely")
    }
    guard var (place, count) = zip.directory else {
      throw wrong("no zip central directory (the list of arrays at the end)")
    }
    var (names, members): ([String], [String: Member]) = ([], [:])
    while count > 0 {
      guard zip.word(place, 4) == 0x0201_4B50, let method = zip.word(place + 10, 2),
        var packed = zip.word(place + 20, 4), var size = zip.word(place + 24, 4),
        let length = zip.word(place + 28, 2), let extra = zip.word(place + 30, 2),
        let comment = zip.word(place + 32, 2), var start = zip.word(place + 42, 4),
        let text = zip.text(place + 46, length)
      else { throw wrong("a directory that ends early") }
      var at = place + 46 + length
      // Sizes beyond 32 bits follow in a field of their own.
      while at + 4 <= place + 46 + length + extra, let kind = zip.word(at, 2),
        let size64 = zip.word(at + 2, 2)
      {
        var field = at + 4
        if kind == 1 {
          if size == 0xFFFF_FFFF { (size, field) = (zip.word(field, 8) ?? -1, field + 8) }
          if packed == 0xFFFF_FFFF { (packed, field) = (zip.word(field, 8) ?? -1, field + 8) }
          if start == 0xFFFF_FFFF { start = zip.word(field, 8) ?? -1 }
        }
        at += 4 + size64
      }
      guard size >= 0, packed >= 0, start >= 0, zip.word(start, 4) == 0x0403_4B50,
        let nameLength = zip.word(start + 26, 2), let extraLength = zip.word(start + 28, 2),
        case let body = start + 30 + nameLength + extraLength, body <= file.bytes.count,
        packed <= file.bytes.count - body
      else { throw wrong("a member \"\(DataError.legible(text))\" that is not whole") }
      if text.hasSuffix(".npy") {
        let name = String(text.dropLast(4))
        names.append(name)
        members[name] = Member(method: method, packed: packed, size: size, place: body)
      }
      place += 46 + length + extra + comment
      count -= 1
    }
    guard !names.isEmpty else { throw wrong("no arrays") }
    (self.names, self.members) = (names, members)
  }

  /// Reads the array with a name, and converts its numbers to `Element`.
  ///
  /// - Throws: ``DataError`` if there is no such array, or if it does not have numbers.
  package func array<Element: NetworkScalar>(
    _ name: String, as type: Element.Type = Element.self
  ) throws(DataError) -> NumberArray<Element> {
    let what = "\(path), array \(DataError.legible(name))"
    guard let member = members[name] else {
      throw DataError(
        file: path, expected: "an array \"\(DataError.legible(name))\"",
        found: "only \(names.prefix(12).map { DataError.legible($0) }.joined(separator: ", "))",
        advice: "name one of them")
    }
    let packed = UnsafeBufferPointer(
      rebasing: file.bytes[member.place..<member.place + member.packed])
    switch member.method {
    case 0: return try NumberArray(KeptBytes(bytes: packed, owner: file), what)
    case 8:
      let unpacked = try NPZFile.inflate(packed, member.size, what)
      return try NumberArray(unpacked.bytesKept, what)
    default:
      throw DataError(
        file: what, expected: "an array that is stored or deflated",
        found: "the method \(member.method) of zip",
        advice: "write it with numpy.savez or numpy.savez_compressed")
    }
  }

  private static func inflate(
    _ packed: UnsafeBufferPointer<UInt8>, _ size: Int, _ what: String
  ) throws(DataError) -> FileBytes {
    func damaged(_ found: String) -> DataError {
      DataError(
        file: what, expected: "\(size) bytes when it is unpacked", found: found,
        advice: "download or copy the file again")
    }
    guard MemoryShortage.allows(size) else {
      throw MemoryShortage.tooLarge(what, "unpacked", after: size)
    }
    var stream = z_stream()
    guard cz_inflate_raw_init(&stream) == Z_OK else {
      throw MemoryShortage.tooLarge(what, "unpacked", after: 0)
    }
    defer { inflateEnd(&stream) }
    var (count, read, status) = (0, 0, Z_OK)
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, initialized in
      // zlib counts in 32 bits, so input and output are passed in parts.
      let most = 1 << 30
      while status == Z_OK, count < size || read < packed.count {
        let (given, room) = (min(most, packed.count - read), min(most, size - count))
        stream.next_in = UnsafeMutablePointer(mutating: packed.baseAddress! + read)
        stream.avail_in = UInt32(given)
        stream.next_out = buffer.baseAddress.map { $0 + count }
        stream.avail_out = UInt32(room)
        status = CZlib.inflate(&stream, Z_NO_FLUSH)
        read += given - Int(stream.avail_in)
        count += room - Int(stream.avail_out)
      }
      initialized = count
    }
    guard status == Z_STREAM_END, count == size else {
      throw damaged(
        stream.msg.map { "\"\(String(cString: $0))\" after \(count)" } ?? "\(count)")
    }
    return FileBytes(copying: bytes)
  }
}

/// Reads numbers and texts at offsets in a zip file.
private struct ZipBytes {
  let bytes: UnsafeBufferPointer<UInt8>

  /// Returns the little-endian number of `size` bytes at an offset; nil beyond the end of the file, or if it is too
  /// large.
  func word(_ place: Int, _ size: Int) -> Int? {
    guard place >= 0, size <= bytes.count, place <= bytes.count - size else { return nil }
    var value: UInt64 = 0
    for index in (0..<size).reversed() { value = value << 8 | UInt64(bytes[place + index]) }
    return value <= UInt64(1) << 60 ? Int(value) : nil
  }

  func text(_ place: Int, _ length: Int) -> String? {
    guard place >= 0, length <= bytes.count, place <= bytes.count - length else { return nil }
    return String(decoding: bytes[place..<place + length], as: UTF8.self)
  }

  /// The offset of the directory, and the number of its members; nil if there is no directory.
  var directory: (place: Int, count: Int)? {
    let last = bytes.count - 22
    guard last >= 0 else { return nil }
    // A comment may follow the record that ends the directory.
    for end in stride(from: last, through: max(0, last - 65_535), by: -1)
    where word(end, 4) == 0x0605_4B50 {
      guard let count = word(end + 10, 2), let place = word(end + 16, 4) else { return nil }
      if count < 0xFFFF, place < 0xFFFF_FFFF { return (place, count) }
      guard word(end - 20, 4) == 0x0706_4B50, let wide = word(end - 20 + 8, 8),
        word(wide, 4) == 0x0606_4B50, let count64 = word(wide + 32, 8),
        let place64 = word(wide + 48, 8)
      else { return nil }
      return (place64, count64)
    }
    return nil
  }
}
