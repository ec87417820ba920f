public import AllReduceMPI
public import AllReduceNN

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A folder that keeps a training run's latest states, from which it goes on: on any number of ranks.
///
/// A state is one file in the safetensors format, `checkpoint.safetensors`: each tensor whole, whatever
/// part each rank held, and a ``TrainingState`` and checksums in the metadata. It is written aside and renamed: a
/// run that is killed while it writes leaves the state before. The states before it stay as
/// `checkpoint.1.safetensors` and so on, and the newest undamaged one is read. Rank 0 alone reads and
/// writes, so the folder need not be seen by other hosts.
///
/// ```swift
/// try checkpoint.write(trainer.state, state, over: world)
/// ```
public struct Checkpoint: Sendable {
  /// The folder.
  package let directory: String
  /// How many states are kept: the newest, and those before it.
  public let generations: Int

  /// Names a folder; nothing is done with it.
  ///
  /// - Precondition: 1 to 100 generations.
  public init(directory: String, generations: Int = 2) {
    precondition(
      (1...Checkpoint.most).contains(generations),
      "a folder keeps 1 to \(Checkpoint.most) states, not \(generations)")
    var directory = Substring(directory)
    while directory.count > 1, directory.last == "/" { directory.removeLast() }
    self.directory = String(directory)
    self.generations = generations
  }

  /// The file of the newest state.
  package var path: String { path(of: 0) }

  /// The file of the state this many before the newest.
  private func path(of generation: Int) -> String {
    "\(directory)/checkpoint\(generation == 0 ? "" : ".\(generation)").safetensors"
  }

  /// Makes the folder if its parent is there, and makes sure that it can be written to. Not collective:
  /// for rank 0, before the training.
  ///
  /// - Throws: ``DataError`` with the system's reason if not.
  public func prepare() throws(DataError) {
    try makeFolder()
    _ = try OutputFile(path: path, .own)
  }

  /// Makes the folder if its parent is there.
  func makeFolder() throws(DataError) {
    if mkdir(directory, 0o755) != 0, errno != EEXIST {
      throw OutputFile.unwritable(directory, errno)
    }
  }

  /// The files that are there, the newest first: any may be missing, and there may be more than are kept now.
  var existing: [String] {
    (0..<Checkpoint.most).map { path(of: $0) }.filter { Checkpoint.isThere($0) }
  }

  /// More states than a folder keeps.
  static let most = 100

  /// Whether there is a state already.
  package var exists: Bool { !existing.isEmpty }

  private static func isThere(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// Gives a damaged state a name by which it is no longer taken for one.
  func putAside(_ path: String) {
    rename(path, "\(directory)/damaged.safetensors")
  }

  /// Writes the state, in the place of the newest, which becomes the one before. Collective.
  ///
  /// Rank 0 holds a chunk of a tensor at a time (16 MiB) where it does not hold all of it anyway.
  ///
  /// - Parameters:
  ///   - tensors: The same names and shapes on all ranks, each rank with what it holds.
  ///   - state: Where the training stands; rank 0's counts.
  ///   - communicator: The ranks that hold the tensors.
  /// - Throws: ``AgreedError`` if it cannot be written, on every rank; the states before stay.
  public func write<Scalar: NetworkScalar & ReducibleScalar>(
    _ tensors: [StateTensor<Scalar>], _ state: TrainingState, over communicator: Communicator
  ) throws {
    try write(tensors, state, as: .newest, over: communicator)
  }

  /// Same as ``write(_:_:over:)``, for a state that is the newest, the best one, or both. Collective.
  func write<Scalar: NetworkScalar & ReducibleScalar>(
    _ tensors: [StateTensor<Scalar>], _ state: TrainingState, as use: StateUse,
    over communicator: Communicator
  ) throws {
    let failure = try writeIfPossible(tensors, state, as: use, over: communicator)
    try communicator.agreeing { if let failure { throw failure } }
  }

  /// The file of the best state.
  package var bestPath: String { "\(directory)/best.safetensors" }

  /// Whether there is a best state.
  var hasBest: Bool { Checkpoint.isThere(bestPath) }

  /// The newest state's file gets a second name as the best one; where the file system has none, a copy.
  ///
  /// - Throws: ``DataError``; ``OutputError``.
  func keepNewestAsBest() throws {
    if linkNewest(as: bestPath) { return }
    let newest = try FileBytes(path: path, unpacks: false)
    let file = try OutputFile(path: bestPath, .own)
    try withExtendedLifetime(newest) { try file.write(UnsafeRawBufferPointer(newest.bytes)) }
    try file.finish()
  }

  /// Gives the newest state's file a second name, in the place of what has it; false where the file system has none.
  private func linkNewest(as name: String) -> Bool {
    let aside = "\(directory)/.second.new"
    unlink(aside)
    return link(path, aside) == 0 && rename(aside, name) == 0
  }

  /// Same as ``write(_:_:over:)``, but what goes wrong with the file is returned, on rank 0. Collective.
  func writeIfPossible<Scalar: NetworkScalar & ReducibleScalar>(
    _ tensors: [StateTensor<Scalar>], _ state: TrainingState, as use: StateUse,
    over communicator: Communicator
  ) throws -> (any Error)? {
    let owners = try StateOwners(tensors, over: communicator)
    var writing: StateWriting<Scalar>?
    // Others are in the middle of a gather when rank 0 finds the disk full: they hear of it at the end.
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

  /// Copies the state into memory of rank 0, from which a thread writes it. Collective.
  ///
  /// - Parameters:
  ///   - tensors: As of ``write(_:_:over:)``.
  ///   - state: As there.
  ///   - use: What the file becomes.
  ///   - communicator: As there.
  ///   - copy: On rank 0, with room for all elements.
  /// - Throws: ``AgreedError`` if ranks have different tensors; ``MPIError``.
  func startWriting<Scalar: NetworkScalar & ReducibleScalar>(
    _ tensors: [StateTensor<Scalar>], _ state: TrainingState, as use: StateUse,
    over communicator: Communicator, _ copy: StateCopy<Scalar>?
  ) throws {
    let owners = try StateOwners(tensors, over: communicator)
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

  /// Makes the newest state the one before, and every other one older. At every moment a whole one is there.
  func keepNewest() {
    for generation in generations..<Checkpoint.most { unlink(path(of: generation)) }
    guard Checkpoint.isThere(path) else { return }
    if generations == 1 { return }
    for generation in stride(from: generations - 1, to: 1, by: -1) {
      rename(path(of: generation - 1), path(of: generation))
    }
    // A second name, so that the newest keeps its own until the next state takes it; a file system without
    // such names gives it another one.
    if !linkNewest(as: path(of: 1)) { rename(path, path(of: 1)) }
  }

  /// Reads the ``TrainingState`` of the newest undamaged checkpoint. Collective.
  ///
  /// - Throws: ``AgreedError`` if there is none: no file, or only damaged ones or files of another kind.
  public func readState(over communicator: Communicator) throws -> TrainingState {
    try CheckpointReader(self, over: communicator).state
  }

  /// Reads into each rank's tensors what it holds of the newest undamaged state. Collective.
  ///
  /// - Parameters:
  ///   - tensors: The same names and shapes on all ranks, each rank with what it holds; overwritten, but
  ///     only after all names and shapes were found right.
  ///   - communicator: The ranks.
  /// - Throws: ``AgreedError`` if there is none, or it is of another network or optimizer.
  public func read<Scalar: NetworkScalar & ReducibleScalar>(
    into tensors: [StateTensor<Scalar>], over communicator: Communicator
  ) throws {
    try CheckpointReader(self, over: communicator).read(into: tensors)
  }
}
