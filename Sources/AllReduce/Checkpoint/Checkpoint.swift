public import AllReduceMPI
public import AllReduceNN

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A folder that keeps a training run's latest checkpoints, from which a run resumes on any number of ranks.
///
/// A checkpoint is one file in the safetensors format, `checkpoint.safetensors`. It holds each tensor whole, however
/// the ranks shard it, and in its metadata a ``TrainingState`` and checksums. It is written under another name and then
/// renamed, so a run that is killed while it writes leaves the previous checkpoint intact. Older checkpoints are kept
/// as `checkpoint.1.safetensors` and so on, and the newest undamaged one is read. Rank 0 alone reads and writes, so
/// other hosts need no access to the folder.
///
/// ```swift
/// try checkpoint.write(trainer.state, state, over: world)
/// ```
public struct Checkpoint: Sendable {
  /// The path of the folder.
  package let directory: String
  /// The number of checkpoints that are kept: the newest, and those before it.
  public let generations: Int

  /// Creates a description of a folder; reads and writes nothing.
  ///
  /// - Parameters:
  ///   - directory: The path of the folder.
  ///   - generations: The number of checkpoints to keep.
  /// - Precondition: `generations` is 1 to 100.
  public init(directory: String, generations: Int = 2) {
    precondition(
      (1...Checkpoint.most).contains(generations),
      "a checkpoint folder must keep 1 to \(Checkpoint.most) states, not \(generations)")
    var directory = Substring(directory)
    while directory.count > 1, directory.last == "/" { directory.removeLast() }
    self.directory = String(directory)
    self.generations = generations
  }

  /// The path of the newest checkpoint.
  package var path: String { path(of: 0) }

  /// Returns the path of the checkpoint that is `generation` checkpoints older than the newest.
  private func path(of generation: Int) -> String {
    "\(directory)/checkpoint\(generation == 0 ? "" : ".\(generation)").safetensors"
  }

  /// Creates the folder if its parent exists, and checks that files can be written to it. Not collective: for rank 0,
  /// before training begins.
  ///
  /// - Throws: ``DataError`` with the system's reason if the folder cannot be created or written to.
  public func prepare() throws(DataError) {
    try makeFolder()
    _ = try OutputFile(path: path, .own)
  }

  /// Creates the folder if its parent exists; an existing folder stays as it is.
  func makeFolder() throws(DataError) {
    if mkdir(directory, 0o755) != 0, errno != EEXIST {
      throw OutputFile.unwritable(directory, errno)
    }
  }

  /// The paths of the checkpoints that exist, newest first. Any generation may be missing, and there may be more
  /// checkpoints than are kept now.
  var existing: [String] {
    (0..<Checkpoint.most).map { path(of: $0) }.filter { Checkpoint.isThere($0) }
  }

  /// The largest number of checkpoints that a folder keeps.
  static let most = 100

  /// Whether the folder has a checkpoint.
  package var exists: Bool { !existing.isEmpty }

  private static func isThere(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// Renames a damaged checkpoint, so that it is no longer read as a checkpoint.
  func putAside(_ path: String) {
    rename(path, "\(directory)/damaged.safetensors")
  }

  /// Writes a checkpoint as the newest; the newest so far becomes the one before it. Collective.
  ///
  /// Where rank 0 does not hold a whole tensor, it gathers one chunk at a time: 8 MiB of `Float`, 16 MiB of `Double`.
  ///
  /// - Parameters:
  ///   - tensors: The tensors to write: the same names and shapes on all ranks, each with the parts that this rank
  ///     holds.
  ///   - state: Where the training run stands; rank 0's value is written.
  ///   - communicator: The ranks that hold the tensors.
  /// - Throws: ``AgreedError`` on every rank if the checkpoint cannot be written; earlier checkpoints stay.
  public func write<Scalar: NetworkScalar & ReducibleScalar>(
    _ tensors: [StateTensor<Scalar>], _ state: TrainingState, over communicator: Communicator
  ) throws {
    try write(tensors, state, as: .newest, over: communicator)
  }

  /// Same as ``write(_:_:over:)``, for a checkpoint that becomes the newest, the best, or both. Collective.
  func write<Scalar: NetworkScalar & ReducibleScalar>(
    _ tensors: [StateTensor<Scalar>], _ state: TrainingState, as use: StateUse,
    over communicator: Communicator
  ) throws {
    let failure = try writeIfPossible(tensors, state, as: use, over: communicator)
    try communicator.agreeing { if let failure { throw failure } }
  }

  /// The path of the best checkpoint.
  package var bestPath: String { "\(directory)/best.safetensors" }

  /// Whether the folder has a best checkpoint.
  var hasBest: Bool { Checkpoint.isThere(bestPath) }

  /// Keeps the newest checkpoint also as the best: as a hard link or, if the file system has none, as a copy.
  ///
  /// - Throws: ``DataError``; ``OutputError``.
  func keepNewestAsBest() throws {
    if linkNewest(as: bestPath) { return }
    let newest = try FileBytes(path: path, unpacks: false)
    let file = try OutputFile(path: bestPath, .own)
    try withExtendedLifetime(newest) { try file.write(UnsafeRawBufferPointer(newest.bytes)) }
    try file.finish()
  }

  /// Hard-links the newest checkpoint under a second name, replacing a file of that name; returns whether it worked.
  private func linkNewest(as name: String) -> Bool {
    let aside = "\(directory)/.second.new"
    unlink(aside)
    return link(path, aside) == 0 && rename(aside, name) == 0
  }

  /// Same as ``write(_:_:over:)``, but returns an error in writing the file, on rank 0, instead of throwing it.
  /// Collective.
  func writeIfPossible<Scalar: NetworkScalar & ReducibleScalar>(
    _ tensors: [StateTensor<Scalar>], _ state: TrainingState, as use: StateUse,
    over communicator: Communicator
  ) throws -> (any Error)? {
    let owners = try StateOwners(tensors, over: communicator)
    var writing: StateWriting<Scalar>?
    // When rank 0 finds the disk full, other ranks may be in the middle of a gather; they learn of the error at the
    // end.
    var failure: (any Error)?
    func trying(_ body: () throws -> Void) {
      guard communicator.isRoot, failure == nil else { return }
      do { try body() } catch { failure = error }
    }
    trying { writing = try StateWriting(self, tensors.map { ($0.name, $0.shape) }, state, as: use) }
    for number in tensors.indices {
      try owners.gather(number) { chunk in trying { try writing?.add(chunk, to: number) } }
    }
    trying { try writing?.finish() }
    return failure
  }

  /// Copies the training's tensors into memory of rank 0, and starts a thread there that writes a checkpoint.
  /// Collective.
  ///
  /// - Parameters:
  ///   - tensors: The tensors to write; same as in ``write(_:_:over:)``.
  ///   - state: Where the training run stands; rank 0's value is written.
  ///   - use: Whether the checkpoint becomes the newest, the best, or both.
  ///   - communicator: The ranks that hold the tensors.
  ///   - copy: On rank 0, memory with room for all elements; nil on other ranks.
  /// - Throws: ``AgreedError`` if the ranks have different tensors; ``MPIError``.
  func startWriting<Scalar: NetworkScalar & ReducibleScalar>(
    _ tensors: [StateTensor<Scalar>], _ state: TrainingState, as use: StateUse,
    over communicator: Communicator, _ copy: StateCopy<Scalar>?
  ) throws {
    let owners = try StateOwners(tensors, over: communicator)
    // Slices of buffers are checked in debug builds only.
    let count = tensors.reduce(0) { $0 + $1.shape.count }
    precondition(copy.map { $0.count >= count } ?? true, "a copy has no room for the state")
    var place = 0
    for (number, tensor) in tensors.enumerated() {
      let end = place + tensor.shape.count
      let room = copy?.memory.values[place..<end]
      try owners.gather(number, into: room.map { UnsafeMutableBufferPointer(rebasing: $0) })
      place = end
    }
    let shapes = tensors.map { ($0.name, $0.shape) }
    guard let copy else { return }
    copy.start { [self] in
      let clock = ContinuousClock()
      let start = clock.now
      do {
        let writing = try StateWriting<Scalar>(self, shapes, state, as: use)
        try copy.forEachPiece(shapes.map { $0.1.count }) {
          try writing.add(UnsafeBufferPointer($0), to: $1)
        }
        try writing.finish()
        return .written(seconds: (clock.now - start) / .seconds(1))
      } catch let error as TrainingError {
        return .diverged(error)
      } catch {
        return .failed(error)
      }
    }
  }

  /// Keeps the newest checkpoint also as the one before it, by a hard link (renames it if the file system has none),
  /// and makes every other one a generation older. Keeps nothing if `generations` is 1. A whole checkpoint exists at
  /// every moment.
  func keepNewest() {
    for generation in generations..<Checkpoint.most { unlink(path(of: generation)) }
    guard Checkpoint.isThere(path) else { return }
    if generations == 1 { return }
    for generation in stride(from: generations - 1, to: 1, by: -1) {
      rename(path(of: generation - 1), path(of: generation))
    }
    // The newest checkpoint also keeps its name until the next one takes it; on a file system without hard links, it is
    // renamed.
    if !linkNewest(as: path(of: 1)) { rename(path, path(of: 1)) }
  }

  /// Reads the ``TrainingState`` of the newest undamaged checkpoint. Collective.
  ///
  /// - Throws: ``AgreedError`` if there is no undamaged checkpoint: no file, or only files that are damaged or of
  ///   another kind.
  public func readState(over communicator: Communicator) throws -> TrainingState {
    try CheckpointReader(self, over: communicator).state
  }

  /// Reads, from the newest undamaged checkpoint, the parts of the tensors that each rank holds. Collective.
  ///
  /// - Parameters:
  ///   - tensors: The tensors to fill: the same names and shapes on all ranks, each with the parts that this rank
  ///     holds. They are overwritten only after all names and shapes have been checked.
  ///   - communicator: The ranks that hold the tensors.
  /// - Throws: ``AgreedError`` if there is no undamaged checkpoint, or it belongs to a different network or optimizer.
  public func read<Scalar: NetworkScalar & ReducibleScalar>(
    into tensors: [StateTensor<Scalar>], over communicator: Communicator
  ) throws {
    try CheckpointReader(self, over: communicator).read(into: tensors)
  }
}
