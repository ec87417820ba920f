/// This process's place in the job according to the launcher's environment, before MPI starts.
///
/// Known are Open MPI's variables, those of PMIx and PMI, and Slurm's.
struct Launch: Sendable {
  /// The world rank.
  let rank: Int
  /// The number of ranks, if the launcher says so.
  let size: Int?
  /// The variable that holds it.
  private let sizeVariable: String?
  /// The number of ranks on this host, if the launcher says so.
  let sizeOnHost: Int?
  /// The variable that holds the rank.
  let rankVariable: String
  /// Variables, as `NAME=value`, that all processes of this job on this host share and no other
  /// process has.
  let marks: [String]

  /// The launcher's name of the job; nil if it has not named it.
  let job: String?

  /// Nil if the process was started without a launcher.
  static let current = Launch(variable: environmentVariable)

  /// Reads an environment.
  ///
  /// - Parameter variable: The value of a variable, or nil.
  init?(variable: @escaping (String) -> String?) {
    func number(_ names: [String]) -> Int? {
      names.lazy.compactMap { variable($0).flatMap { Int($0) } }.first { $0 >= 0 }
    }
    // In a batch script Slurm sets its rank too, but no step: nothing was launched there.
    let isStep = variable("SLURM_STEP_ID") != nil
    let names = Launch.rankVariables + (isStep ? ["SLURM_PROCID"] : [])
    guard let name = names.first(where: { number([$0]) != nil }), let rank = number([name])
    else { return nil }
    self.rank = rank
    rankVariable = name
    sizeVariable =
      (["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"] + (isStep ? ["SLURM_STEP_NUM_TASKS"] : []))
      .first { number([$0]) != nil }
    size = sizeVariable.flatMap { number([$0]) }
    sizeOnHost = number(["OMPI_COMM_WORLD_LOCAL_SIZE"])
    job = Launch.jobVariables.lazy.compactMap(variable).first
    let isNamed = job != nil
    marks =
      isNamed
      ? (Launch.jobVariables + Launch.hostVariables).compactMap { name in
        variable(name).map { "\(name)=\($0)" }
      } : []
  }

  /// Reads the environment of another process: `NAME=value`, each ended by a zero byte, as in /proc/PID/environ.
  init?(environment: [UInt8]) {
    var values: [String: String] = [:]
    for entry in environment.split(separator: 0) {
      guard let sign = entry.firstIndex(of: UInt8(ascii: "=")) else { continue }
      values[String(decoding: entry[..<sign], as: UTF8.self)] =
        String(decoding: entry[(sign + 1)...], as: UTF8.self)
    }
    let all = values
    self.init { all[$0] }
  }

  private static let rankVariables = ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"]

  /// Variables that name a job; without one of them its processes cannot be told from others.
  private static let jobVariables = [
    "PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid", "PMI_JOBID", "SLURM_STEP_ID",
  ]

  /// Variables that distinguish one host's processes of a job from another's: a launcher has one daemon a
  /// host.
  private static let hostVariables = [
    "SLURM_JOB_ID", "SLURM_NODEID", "PMIX_HOSTNAME", "PMIX_SERVER_URI41", "PMIX_SERVER_URI4",
    "PMIX_SERVER_URI3", "PMIX_SERVER_URI21", "PMIX_SERVER_URI2",
  ]

  /// What is wrong where the launcher has started several ranks and MPI knows of one: it belongs to another
  /// MPI, and each of its processes would be a job of its own.
  ///
  /// - Parameter worldSize: The size of MPI_COMM_WORLD.
  /// - Returns: The error; nil where nothing is wrong.
  func mistake(worldSize: Int) -> MPIError? {
    guard worldSize == 1, let size, size > 1 else { return nil }
    return mistake("Open MPI finds 1 rank")
  }

  /// Same as ``mistake(worldSize:)``, where it is plain before MPI starts, which would end the process with words
  /// of its own: a step of Slurm whose tasks have no way to reach each other.
  var mistakeBeforeStart: MPIError? {
    guard rankVariable == "SLURM_PROCID", let size, size > 1 else { return nil }
    return mistake("Slurm gives Open MPI no way to find the others")
  }

  private func mistake(_ words: String) -> MPIError {
    let cure =
      switch sizeVariable {
      case "SLURM_STEP_NUM_TASKS":
        "Start it with srun --mpi=pmix, or with mpirun inside of salloc or sbatch; srun --mpi=list says "
          + "whether Slurm has pmix"
      default:
        "The launcher is another MPI's, such as MPICH's mpiexec. Start it with the mpirun of Open MPI "
          + "(Debian: mpirun.openmpi; package openmpi-bin)"
      }
    return MPIError(
      operation: "MPI_Init_thread",
      message:
        "this process was started as rank \(rank) of \(size ?? 1), but \(words). \(cure).",
      exitCode: 64)
  }

  /// The rank that another process's environment gives it, if it is of the same job on this host.
  ///
  /// - Parameter environment: `NAME=value`, each ended by a zero byte, as in /proc/PID/environ.
  /// - Returns: Its rank, or nil.
  func rank(inEnvironment environment: [UInt8]) -> Int? {
    if marks.isEmpty { return nil }
    var missing = Set(marks)
    var rank: Int?
    for entry in environment.split(separator: 0) {
      let text = String(decoding: entry, as: UTF8.self)
      missing.remove(text)
      if text.hasPrefix("\(rankVariable)=") { rank = Int(text.dropFirst(rankVariable.count + 1)) }
    }
    return missing.isEmpty ? rank : nil
  }
}
