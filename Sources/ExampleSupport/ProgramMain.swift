public import AllReduce
public import ArgumentParser
import Foundation

/// The way into a program that runs on many ranks.
public enum ProgramMain {
  /// Reads the command line, joins the job and runs the program on this rank; ends the process.
  ///
  /// The command line is read before MPI starts, for a mistake in it needs no job. Help and usage
  /// errors are printed by rank 0 alone; a usage error ends all ranks with 64, help with 0. An error
  /// that the program throws ends the job with the error's own code (``ExitCoded``).
  ///
  /// - Parameters:
  ///   - command: What the command line is read into.
  ///   - body: The program: the command line, the communicator of all ranks and where to write.
  public static func run<Command: ParsableCommand>(
    _ command: Command.Type, _ body: (Command, Communicator, RankConsole) throws -> Void
  ) -> Never {
    let arguments = parse(command)
    do {
      try MPI.run { world in
        let console = RankConsole(isRoot: world.isRoot)
        if !MPI.isLaunched {
          let name = commandName(command)
          console.note("\(name) runs on 1 rank; mpirun -np 4 .build/release/\(name) starts 4.")
        }
        try body(arguments, world, console)
      }
    } catch {
      RankConsole(isRoot: MPI.launchedRank == 0).note("error: \(error)")
      exit(error.exitCode)
    }
    exit(EXIT_SUCCESS)
  }

  /// The command line, or the end of the process if it asks for help or cannot be understood.
  static func parse<Command: ParsableCommand>(_ command: Command.Type) -> Command {
    do {
      // Not `parse()`, which would also be the entry of subcommands.
      guard let parsed = try command.parseAsRoot() as? Command else {
        throw CleanExit.helpRequest(command)
      }
      return parsed
    } catch {
      let code = command.exitCode(for: error)
      let console = RankConsole(isRoot: MPI.launchedRank == 0)
      let text = command.fullMessage(for: error)
      if code.isSuccess {
        ending(console) { try console.print(text) }
      } else {
        console.note(text)
        // The first rank that ends with an error takes the others along, and rank 0's words with
        // them if they are still under way. So the others wait to be ended.
        if !console.isRoot { sleep(5) }
      }
      exit(code.rawValue)
    }
  }

  /// Reads the command line and runs a program that needs no job; ends the process.
  ///
  /// - Parameters:
  ///   - command: What the command line is read into.
  ///   - body: The program: the command line and where to write. An error that it throws ends the process with
  ///     the error's own code (``ExitCoded``).
  public static func runAlone<Command: ParsableCommand>(
    _ command: Command.Type, _ body: (Command, RankConsole) throws -> Void
  ) -> Never {
    let console = RankConsole(isRoot: true)
    let arguments = parse(command)
    ending(console) {
      do {
        try body(arguments, console)
      } catch let error as ValidationError {
        console.note(command.fullMessage(for: error))
        exit(command.exitCode(for: error).rawValue)
      }
    }
    exit(EXIT_SUCCESS)
  }

  /// Ends the process if `body` fails.
  private static func ending(_ console: RankConsole, _ body: () throws -> Void) {
    do {
      try body()
    } catch {
      console.note("error: \(error)")
      exit((error as? any ExitCoded)?.exitCode ?? 70)
    }
  }

  private static func commandName<Command: ParsableCommand>(_ command: Command.Type) -> String {
    command.configuration.commandName ?? ProcessInfo.processInfo.processName
  }
}
