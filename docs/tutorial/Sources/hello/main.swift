import AllReduce

try MPI.run { world in
  var numbers = [Double(world.rank + 1)]
  try world.allReduce(&numbers, .sum)
  if world.isRoot { print("\(world.size) ranks, sum \(numbers[0])") }
}
