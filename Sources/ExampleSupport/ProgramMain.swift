public import AllReduce
public import ArgumentParser
import Foundation

/// The entry points of programs: those that run on many ranks, and those that need no MPI job.
public enum ProgramMain {
  /// The exit status of a training run that was asked to stop and has written its checkpoint: it can be resumed (the
  /// system's EX_TEMPFAIL).
  public static let goesOn: Int32 = 75

  /// Reads the command line, joins the job and runs the program on this rank; ends the process.
  ///
  /// Help and the version need no job; rank 0 alone prints them. A usage error ends all ranks with exit status 64, and
  /// so do command lines that differ between ranks; rank 0 alone prints the error. An error that the program throws
  /// ends the job with the error's own exit code (``ExitCoded``).
  ///
  /// - Parameters:
  ///   - command: The type that the command line is parsed into.
  ///   - body: The program, called with the command line, the communicator of all ranks and the console to write to.
  public static func run<Command: ParsableCommand>(
    _ command: Command.Type, _ body: (Command, Communicator, RankConsole) throws -> Void
  ) -> Never {
    run(command) { command, world, console -> Int32 in
      try body(command, world, console)
      return EXIT_SUCCESS
    }
  }

  /// Does the same as ``run(_:_:)-(_,(_,_,_)->Void)``, for a program that returns the exit status of all its processes.
  public static func run<Command: ParsableCommand>(
    _ command: Command.Type, _ body: (Command, Communicator, RankConsole) throws -> Int32
  ) -> Never {
    let arguments = parse(command)
    let program = (try? arguments.get()) as? any TrainingProgram
    if let deadline = program?.job.deadline { setenv("ALLREDUCE_DEADLINE", "\(deadline)", 1) }
    let exitCode: Int32
    do {
      exitCode = try MPI.run { world in
        let console = RankConsole(isRoot: world.isRoot)
        if let program, program.job.check {
          try JobCheck.run(program, in: world, console)
          return EXIT_SUCCESS
        }
        // This comes before a usage error, which may occur on one rank alone.
        try world.requireEqual(commandLine, "program and its options", exitCode: 64)
        let parsed = try world.agreeing { try arguments.get() }
        if world.size == 1, !MPI.isLaunched {
          let name = commandName(command)
          console.note("\(name) runs on 1 rank; mpirun -np 4 .build/release/\(name) starts 4.")
        }
        return try body(parsed, world, console)
      }
    } catch {
      // The launcher may end the job when the first rank exits, so the others wait until rank 0 has printed the error.
      if MPI.launchedRank != 0 { sleep(2) }
      RankConsole(isRoot: MPI.launchedRank == 0).note("error: \(error)")
      exit(error.exitCode)
    }
    exit(exitCode)
  }

  /// Parses the command line; returns the command, or what is wrong with the command line. Ends the process if help or
  /// the version is asked for, or if the command line is wrong and there is no launcher.
  private static func parse<Command: ParsableCommand>(
    _ command: Command.Type
  ) -> Result<Command, UsageError> {
    do {
      // Not `parse()`, because that would also be the entry of subcommands.
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

  /// Reads the command line and runs a program that needs no MPI job; ends the process.
  ///
  /// - Parameters:
  ///   - command: The type that the command line is parsed into.
  ///   - body: The program, called with the command line and the console to write to. An error that it throws ends the
  ///     process with the error's own exit code (``ExitCoded``).
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

  /// Calls `body`; if it throws, prints the error and ends the process with the error's exit code.
  private static func ending(_ console: RankConsole, _ body: () throws -> Void) {
    do {
      try body()
    } catch {
      console.note("error: \(error)")
      exit((error as? any ExitCoded)?.exitCode ?? 70)
    }
  }

  /// The program's name and its arguments.
  static var commandLine: String {
    let program = URL(fileURLWithPath: CommandLine.arguments[0]).lastPathComponent
    return ([program] + CommandLine.arguments.dropFirst()).joined(separator: " ")
  }

  private static func commandName<Command: ParsableCommand>(_ command: Command.Type) -> String {
    command.configuration.commandName ?? ProcessInfo.processInfo.processName
  }
}

/// The error for a command line that cannot be understood.
private struct UsageError: ExitCoded, CustomStringConvertible {
  /// What is wrong with the command line, and the program's usage.
  let description: String
  let exitCode: Int32 = 64

  init(_ message: String) {
    let prefix = "Error: "
    description = message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message
  }
}
