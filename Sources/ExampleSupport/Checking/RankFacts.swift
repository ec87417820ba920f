internal import AllReduce
import Foundation

/// Properties of a rank that should be the same on all ranks.
struct RankFacts {
  /// The name and value of each property, in the order of the table.
  let rows: [(name: String, value: String)]

  /// Collects the properties of this process.
  ///
  /// - Parameters:
  ///   - data: A description of the data that this rank would learn from.
  ///   - commandLine: The program and its options.
  init(data: String, commandLine: String) {
    let processors = ProcessInfo.processInfo.activeProcessorCount
    rows =
      [("program", RankFacts.program)]
      + ProgramVersion.lines.map { ($0.name, $0.version) } + [
        ("options", commandLine), ("environment", RankFacts.environment),
        ("processor", "\(RankFacts.processor), \(processors) threads"), ("data", data),
      ]
  }

  /// The size and checksum of the program's executable file.
  private static var program: String {
    guard let file = FileManager.default.contents(atPath: "/proc/self/exe") else {
      return "cannot be read"
    }
    let checksum = file.withUnsafeBytes { Checksum.of($0) }
    return "\(file.count.grouped) bytes, checksum \(Checksum.text(checksum))"
  }

  /// The environment variables that this library, MPI, its transports and the BLAS read.
  private static var environment: String {
    let kinds = [
      "ALLREDUCE_", "OMPI_MCA_", "UCX_", "FI_", "OPENBLAS_", "OMP_", "LD_", "MALLOC_",
      "GLIBC_",
    ]
    // Variables by which mpirun tells each process its place in the job, which differ between ranks.
    let places = [
      "OMPI_MCA_orte_", "OMPI_MCA_ess", "OMPI_MCA_pmix", "OMPI_MCA_initial_wdir", "OMPI_MCA_mpi_",
      "OMPI_MCA_shmem_", "OMPI_MCA_hwloc_base_", "ALLREDUCE_TEST_",
    ]
    let variables = ProcessInfo.processInfo.environment.filter { name, _ in
      kinds.contains { name.hasPrefix($0) } && !places.contains { name.hasPrefix($0) }
    }
    let words = variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    return words.isEmpty ? "nothing of note" : words.joined(separator: " ")
  }

  /// The processor's model name; "unknown" where the system does not say.
  private static var processor: String {
    let file = FileManager.default.contents(atPath: "/proc/cpuinfo") ?? Data()
    let line = String(decoding: file, as: UTF8.self).split(separator: "\n").first {
      $0.hasPrefix("model name") || $0.hasPrefix("CPU part")
    }
    return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
      ?? "unknown"
  }
}
