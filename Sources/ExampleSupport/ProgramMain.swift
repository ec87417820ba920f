public import AllReduce
public import ArgumentParser
import Foundation

/// The way into a program that runs on many ranks.
public enum ProgramMain {
  /// What a training run ends with that has written its state before its end, as it was asked to: resume it (the
  /// system's EX_TEMPFAIL).
  public static let goesOn: Int32 = 75

  /// Reads the command line, joins the job and runs the program on this rank; ends the process.
  ///
  /// Help and the version need no job; rank 0 alone prints them. A usage error ends all ranks with 64, and
  /// so do command lines that differ between ranks; rank 0 alone says so. An error that the program throws
  /// ends the job with the error's own code (``ExitCoded``).
  ///
  /// - Parameters:
  ///   - command: The type that the command line is parsed into.
  ///   - body: The program: the command line, the communicator of all ranks and where to write.
  public static func run<Command: ParsableCommand>(
    _ command: Command.Type, _ body: (Command, Communicator, RankConsole) throws -> Void
  ) -> Never {
    run(command) { command, world, console -> Int32 in
      try body(command, world, console)
      return EXIT_SUCCESS
    }
  }

  /// Same as ``run(_:_:)-(_,(_,_,_)->Void)``, of a program that says what all its processes end with.
  public static func run<Command: ParsableCommand>(
    _ command: Command.Type, _ body: (Command, Communicator, RankConsole) throws -> Int32
  ) -> Never {
    let arguments = parse(command)
    let exitCode: Int32
    do {
      exitCode = try MPI.run { world in
        let console = RankConsole(isRoot: world.isRoot)
        if case .success(let program as any TrainingProgram) = arguments, program.checking.check {
          try JobCheck.run(program, in: world, console)
          return EXIT_SUCCESS
        }
        // Before a usage error, which may be one rank's alone.
        try world.requireEqual(commandLine, "program and its options", exitCode: 64)
        let parsed = try world.agreeing { try arguments.get() }
        if world.size == 1, !MPI.isLaunched {
          let name = commandName(command)
          console.note("\(name) runs on 1 rank; mpirun -np 4 .build/release/\(name) starts 4.")
        }
        return try body(parsed, world, console)
      }
    } catch {
      // The launcher may end the job with the first rank that goes: rank 0 is to speak before.
      if MPI.launchedRank != 0 { sleep(2) }
      RankConsole(isRoot: MPI.launchedRank == 0).note("error: \(error)")
      exit(error.exitCode)
    }
    exit(exitCode)
  }

  /// The command line or what is wrong with it; ends the process where it asks for help or the version, or,
  /// without a launcher, is wrong.
  private static func parse<Command: ParsableCommand>(
    _ command: Command.Type
  ) -> Result<Command, UsageError> {
    do {
      // Not `parse()`, which would also be the entry of subcommands.
      guard let parsed = try command.parseAsRoot() as? Command else {
        throw CleanExit.helpRequest(command)
      }
      return .success(parsed)
    } catch {
      let console = RankConsole(isRoot: MPI.launchedRank == 0)
      let text = command.fullMessage(for: error)
      if command.exitCode(for: error).isSuccess {
        ending(console) { try console.print(text) }
        exit(EXIT_SUCCESS)
      }
      let usage = UsageError(text)
      if MPI.isLaunched { return .failure(usage) }
      console.note("error: \(usage)")
      exit(usage.exitCode)
    }
  }

  /// Reads the command line and runs a program that needs no job; ends the process.
  ///
  /// - Parameters:
  ///   - command: The type that the command line is parsed into.
  ///   - body: The program: the command line and where to write. An error that it throws ends the process with
  ///     the error's own code (``ExitCoded``).
  public static func runAlone<Command: ParsableCommand>(
    _ command: Command.Type, _ body: (Command, RankConsole) throws -> Void
  ) -> Never {
    let console = RankConsole(isRoot: true)
    let arguments = parse(command)
    ending(console) {
      do {
        try body(arguments.get(), console)
      } catch let error as ValidationError {
        throw UsageError(command.fullMessage(for: error))
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

  /// The program and its arguments.
  static var commandLine: String {
    let program = URL(fileURLWithPath: CommandLine.arguments[0]).lastPathComponent
    return ([program] + CommandLine.arguments.dropFirst()).joined(separator: " ")
  }

  private static func commandName<Command: ParsableCommand>(_ command: Command.Type) -> String {
    command.configuration.commandName ?? ProcessInfo.processInfo.processName
  }
}

/// A command line that cannot be understood.
private struct UsageError: ExitCoded, CustomStringConvertible {
  /// What is wrong, and the usage of the program.
  let description: String
  let exitCode: Int32 = 64

  init(_ message: String) {
    let prefix = "Error: "
    description = message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message
  }
}
