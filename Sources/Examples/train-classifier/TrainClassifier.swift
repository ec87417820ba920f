import AllReduce
@main struct TrainClassifier { static func main() {} }
