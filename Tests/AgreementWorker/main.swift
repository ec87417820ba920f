import AllReduce
import Foundation

let usage = """
  Usage: AgreementWorker list mismatch|ending|progress one|several
         mpirun -np RANKS AgreementWorker run CELL...
         mpirun -np RANKS AgreementWorker soak ROUNDS SEED

  list prints the names of cells for ranks on one host or on several, and what has no meaning;
  run runs them, on a fresh communicator each. @FILE stands for the names in a file. A random
  program is the cell random/SEED/CALLS. soak reduces the gradients of 504 parameters in each round.
  """

/// Prints the cells of a kind.
func list(_ kind: String, severalHosts: Bool) {
  switch kind {
  case "mismatch", "ending":
    for cell in MismatchCell.all(severalHosts: severalHosts, ending: kind == "ending") {
      print("cell", cell.name)
    }
    for mismatch in Mismatch.allCases where mismatch.endsJob == (kind == "ending") {
      for algorithm in columns {
        if let reason = MismatchCell.reasonAgainst(mismatch, algorithm) {
          print("none", "\(mismatch.rawValue)/\(algorithm)", reason)
        }
      }
    }
  default:
    for cell in ProgressCell.all { print("cell", cell.name) }
  }
}

/// Runs cells one after the other on all ranks.
func run(_ names: [String]) throws {
  try MPI.run { world in
    let mismatches = names.map { MismatchCell($0) }
    let needsArenas = mismatches.contains { cell in
      cell.map { $0.flavour.isInArena && !$0.mismatch.endsJob } ?? false
    }
    let arenas = needsArenas ? try CellArenas(world) : nil
    let watch = CellWatch(names: names, rank: world.rank, limit: deadline + 5)
    for (index, name) in names.enumerated() {
      watch.begin(index)
      if let cell = mismatches[index] {
        try cell.mismatch.endsJob ? cell.runToTheEnd(on: world) : cell.run(on: world, arenas)
      } else if let cell = ProgressCell(name) {
        try cell.run(on: world)
      } else if let program = RandomProgram(name) {
        try program.run(on: world, watch)
      } else {
        throw Fault("There is no cell \(name).")
      }
    }
    watch.begin(-1)
  }
}

let arguments = CommandLine.arguments.dropFirst()
switch (arguments.first, arguments.count) {
case ("list", 3): list(arguments[2], severalHosts: arguments[3] == "several")
case ("run", 2...):
  let names = try arguments.dropFirst().flatMap { word in
    guard word.hasPrefix("@") else { return [word] }
    return try String(contentsOfFile: String(word.dropFirst()), encoding: .utf8)
      .split(separator: "\n").map(String.init)
  }
  try run(names)
case ("soak", 3):
  guard let rounds = Int(arguments[2]), let seed = UInt64(arguments[3]), rounds > 0 else {
    exit(64)
  }
  try MPI.run { try GroupSoak(rounds: rounds, seed: seed).run(on: $0) }
default:
  print(usage)
  exit(64)
}
