import AllReduce
import ExampleSupport
import XCTest

final class NetworkWordsTests: XCTestCase {
  func testWords() throws {
    let words = try NetworkWords(
      "28x28x1, conv:32x5/2+0,batchnorm,relu,pool:3/2,avgpool:2,dropout:0.5,512,gelu,10")
    XCTAssertEqual(words.input, [28, 28, 1])
    XCTAssertEqual(
      words.words,
      [
        .convolution(filters: 32, size: 5, stride: 2, padding: 0), .plain(.batchnorm),
        .plain(.relu), .maxPool(size: 3, stride: 2), .averagePool(size: 2, stride: 2),
        .dropout(0.5), .dense(512), .plain(.gelu), .dense(10),
      ])
    XCTAssertEqual(
      try NetworkWords("8x8x3,conv:4x3,10").words[0],
      .convolution(filters: 4, size: 3, stride: 1, padding: 1))
  }

  func testWrongWordsAreNamed() {
    let cases: [(String, Int, String)] = [
      ("784,512,rellu,10", 3, "rellu"), ("", 1, ""), ("0,10", 1, "0"), ("28x28,10", 1, "28x28"),
      ("784,-5,10", 2, "-5"), ("784,,10", 2, ""), ("784,dropout:1,10", 2, "dropout:1"),
      ("8x8x1,conv:32,10", 2, "conv:32"), ("8x8x1,conv:4x3/0,10", 2, "conv:4x3/0"),
      ("8x8x1,pool:x,10", 2, "pool:x"), ("784,max:2,10", 2, "max:2"), ("784,relu", 2, "relu"),
    ]
    for (text, place, word) in cases {
      XCTAssertThrowsError(try NetworkWords(text), text) { error in
        let error = error as? NetworkWordsError
        XCTAssertEqual(error?.place, place, text)
        XCTAssertEqual(error?.word, word, text)
        XCTAssertEqual(error?.exitCode, 64)
      }
    }
  }

  func testNetworks() throws {
    let cnn: Network<Float> = try NetworkWords(
      "28x28x1,conv:32x3,relu,pool:2,conv:64x3,relu,pool:2,512,relu,10"
    ).network(for: [28, 28, 1], seed: 1)
    XCTAssertEqual(cnn.outputShape, [10])
    XCTAssertEqual(cnn.parameterCount, 320 + 18496 + 512 * 3137 + 5130)
    let flat: Network<Float> = try NetworkWords("784,32,10").network(for: [28, 28, 1], seed: 1)
    XCTAssertEqual(flat.parameterCount, 785 * 32 + 330)
    XCTAssertThrowsError(
      try NetworkWords("784,32,conv:4x3,10").network(
        for: [28, 28, 1], of: Float.self, seed: 1)
    ) {
      XCTAssertTrue(
        "\($0)".hasPrefix("Word 3 of the layers cannot follow the words before it:"), "\($0)")
    }
    XCTAssertThrowsError(
      try NetworkWords("8x8x1,pool:9,10").network(for: [8, 8, 1], of: Float.self, seed: 1)
    ) { XCTAssertTrue("\($0)".contains("9x9"), "\($0)") }
  }
}
