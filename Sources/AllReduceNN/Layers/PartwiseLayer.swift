/// A layer that computes outputs while parts of its parameters are still on their way from other ranks: it
/// says which it is about to use (``Pass/willUsePart``), the last elements first, for these arrive first.
public protocol PartwiseLayer<Scalar>: Layer {}
