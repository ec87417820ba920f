/// A number that networks compute with: `Float`, and `Double` for checks and small problems.
///
/// The requirements are kernels: loops over memory that check nothing, each called once for many
/// elements. Layers check shapes and call them.
public protocol NetworkScalar: BLASScalar, LayerScalar {}

extension Float: NetworkScalar {}
extension Double: NetworkScalar {}
