// The names that blocks of code in documents and doc comments leave open; see scripts/check-code.
// Only types matter: nothing here ever runs.
import AllReduce

var world: Communicator { fatalError() }
var layers: Sequential<Float> { fatalError() }
var network: Network<Float> { fatalError() }
var trainer: Trainer<Float> { fatalError() }
var plan: Plan {
  get { fatalError() }
  set {}
}
var checkpoint: Checkpoint { fatalError() }
var tensors: [StateTensor<Float>] { fatalError() }
var state: TrainingState { fatalError() }
var data: TrainingData { fatalError() }
var batch: Batch<Float> { fatalError() }
var inputs: Tensor<Float> { fatalError() }
var labels: [Int32] { fatalError() }

// Of the README's own network.
var rows: [Float] { fatalError() }
typealias Gain = Dense<Float>
extension Dense where Scalar == Float {
  convenience init(_ count: Int) { self.init(count, count) }
}

// Of gradients of one's own.
var ownExamples: [[Double]] { fatalError() }
var examples: Int { fatalError() }
var loss: Double { fatalError() }
var rate: Double { fatalError() }
var weights: [Double] {
  get { fatalError() }
  set {}
}
func addUp(
  _ examples: [[Double]], at weights: [Double], into gradient: inout MutableSpan<Double>
) -> BatchScore { fatalError() }

// Of map-reduce.
func makeExamples(_ rows: Range<Int>) -> [([Double], Double)] { fatalError() }
var theta: [Double] {
  get { fatalError() }
  set {}
}
var sums: [Double] {
  get { fatalError() }
  set {}
}

// Of a sum over all items.
var columns: Int { fatalError() }
var start: [Double] { fatalError() }
func addSquare(of row: Int, at point: [Double], to gradient: inout [Double]) -> Double {
  fatalError()
}

// Of a program with an MPI of its own.
func MPI_Init(_ count: Int?, _ words: Int?) {}
func MPI_Finalize() {}
var mine: OpaquePointer { fatalError() }
var values: [Float] {
  get { fatalError() }
  set {}
}
