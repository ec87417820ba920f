@_exported public import AllReduceMPI
@_exported public import AllReduceNN
