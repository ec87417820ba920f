/// This process's place in the job according to the launcher's environment, before MPI starts.
///
/// It knows the variables of Open MPI, of PMIx and PMI, and of Slurm.
struct Launch: Sendable {
  /// This process's world rank.
  let rank: Int
  /// The number of ranks, if the launcher says so.
  let size: Int?
  /// The name of the variable that holds the number of ranks.
  private let sizeVariable: String?
  /// The number of ranks on this host, if the launcher says so.
  let sizeOnHost: Int?
  /// The name of the variable that holds the rank.
  let rankVariable: String
  /// The variables, as `NAME=value`, that all processes of this job on this host share and no other process has.
  let marks: [String]

  /// The launcher's name for the job; nil if the launcher has not named it.
  let job: String?

  /// The place of this process; nil if the process was started without a launcher.
  static let current = Launch(variable: environmentVariable)

  /// Reads the place from an environment; nil if the environment names no rank.
  ///
  /// - Parameter variable: Returns the value of a variable, or nil.
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

  /// Reads the place from the environment of another process: `NAME=value`, each ended by a zero byte, as in
  /// /proc/PID/environ.
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

  /// The variables that name a job; without one of them, its processes cannot be told from those of other jobs.
  private static let jobVariables = [
    "PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid", "PMI_JOBID", "SLURM_STEP_ID",
  ]

  /// The variables that distinguish the processes of a job on one host from those on another: a launcher has one daemon
  /// per host.
  private static let hostVariables = [
    "SLURM_JOB_ID", "SLURM_NODEID", "PMIX_HOSTNAME", "PMIX_SERVER_URI41", "PMIX_SERVER_URI4",
    "PMIX_SERVER_URI3", "PMIX_SERVER_URI21", "PMIX_SERVER_URI2",
  ]

  /// Returns an error if the launcher has started several ranks but MPI finds only one. The launcher then belongs to
  /// another MPI, and each of its processes would be a job of its own.
  ///
  /// - Parameter worldSize: The size of MPI_COMM_WORLD.
  /// - Returns: The error; nil if nothing is wrong.
  func mistake(worldSize: Int) -> MPIError? {
    guard worldSize == 1, let size, size > 1 else { return nil }
    return mistake("Open MPI finds 1 rank")
  }

  /// The same error as ``mistake(worldSize:)``, where it is certain before MPI starts, because MPI would end the
  /// process with a message of its own: a step of Slurm whose tasks have no way to reach each other.
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

  /// Returns the rank that another process has according to its environment, if it is a process of the same job on this
  /// host.
  ///
  /// - Parameter environment: `NAME=value`, each ended by a zero byte, as in /proc/PID/environ.
  /// - Returns: The rank, or nil.
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
