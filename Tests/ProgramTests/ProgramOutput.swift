import Foundation
import TestSupport
import XCTest

/// What a program prints as json.
protocol ProgramOutput: Decodable {
  static var program: String { get }
}

extension ProgramOutput {
  /// Runs the program and reads what it prints, which must be json and nothing else.
  static func of(
    _ arguments: [String], ranks: Int?, file: StaticString = #filePath, line: UInt = #line
  ) throws -> Self {
    let outcome = try ProgramRunner().run(program, ["--format", "json"] + arguments, ranks: ranks)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors, file: file, line: line)
    return try JSONDecoder.ofPrograms.decode(Self.self, from: Data(outcome.output.utf8))
  }
}

extension JSONDecoder {
  /// Reads json whose names are `in_snake_case`, as programs write it.
  static var ofPrograms: JSONDecoder {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return decoder
  }
}
