/// What PyTorch computes.
enum TorchFixture {
  /// safetensors.torch.save(network.state_dict()) of torch.nn.Sequential(Conv2d(3, 2, 2), BatchNorm2d(2), ReLU(),
  /// Flatten(), BatchNorm1d(8), Linear(8, 3)).
  static let weights = """
    qAMAAAAAAAB7IjEubnVtX2JhdGNoZXNfdHJhY2tlZCI6eyJkdHlwZSI6Ikk2NCIsInNoYXBlIjpbXSwiZGF0YV9vZmZzZXRzIjpb\
    MCw4XX0sIjQubnVtX2JhdGNoZXNfdHJhY2tlZCI6eyJkdHlwZSI6Ikk2NCIsInNoYXBlIjpbXSwiZGF0YV9vZmZzZXRzIjpbOCwx\
    Nl19LCIwLmJpYXMiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOlsxNiwyNF19LCIwLndlaWdodCI6\
    eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMiwzLDIsMl0sImRhdGFfb2Zmc2V0cyI6WzI0LDEyMF19LCIxLmJpYXMiOnsiZHR5cGUi\
    OiJGMzIiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOlsxMjAsMTI4XX0sIjEucnVubmluZ19tZWFuIjp7ImR0eXBlIjoiRjMy\
    Iiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbMTI4LDEzNl19LCIxLnJ1bm5pbmdfdmFyIjp7ImR0eXBlIjoiRjMyIiwic2hh\
    cGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbMTM2LDE0NF19LCIxLndlaWdodCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMl0sImRh\
    dGFfb2Zmc2V0cyI6WzE0NCwxNTJdfSwiNC5iaWFzIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOls4XSwiZGF0YV9vZmZzZXRzIjpb\
    MTUyLDE4NF19LCI0LnJ1bm5pbmdfbWVhbiI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbOF0sImRhdGFfb2Zmc2V0cyI6WzE4NCwy\
    MTZdfSwiNC5ydW5uaW5nX3ZhciI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbOF0sImRhdGFfb2Zmc2V0cyI6WzIxNiwyNDhdfSwi\
    NC53ZWlnaHQiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzhdLCJkYXRhX29mZnNldHMiOlsyNDgsMjgwXX0sIjUuYmlhcyI6eyJk\
    dHlwZSI6IkYzMiIsInNoYXBlIjpbM10sImRhdGFfb2Zmc2V0cyI6WzI4MCwyOTJdfSwiNS53ZWlnaHQiOnsiZHR5cGUiOiJGMzIi\
    LCJzaGFwZSI6WzMsOF0sImRhdGFfb2Zmc2V0cyI6WzI5MiwzODhdfX0gICACAAAAAAAAAAIAAAAAAAAA46o8vvifOL6WipK+pTBp\
    vgM5/b1v1Yu+FUGGvPYHgr6ZuiA+ohMQPjBKXz2uTWU+15rnvJQPMT4zBE++WQJpvWvJg77H/7+8y8g/vqvHhD5MVk0+FZ5dPj5d\
    rz0boyi+6dCEPuk4kL4AAAAAAAAAAJTR6jvgkSK8YTdYPx5UUD8AAIA/AACAPwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAVJAEPrdW4D3Two49wvFLPc2CBD7SP+A9QrSOPfTcSz1yhXw/xLFvPz90XD9oClY/O3x8Pyqrbz+UcVw/DAlWPwAAgD8AAIA/\
    AACAPwAAgD8AAIA/AACAPwAAgD8AAIA/7K08Ps0vEr7Lc029oREWvgxhkD3IHom+dXWLvkIkLb7T91w+m5CCvgZbor4X5Jy+ZCcy\
    vv0/vr0ndLO+g4ApvmLf3jtHuG49HptPvQYzJL13iGu+fnk5Pg1vrr0riHe+HWCuvbNQSr0bX6c+
    """

  /// Its outputs, in evaluation, for two examples of [3, 3, 3], channels last: 54 numbers from -1 to 1 at equal
  /// distances.
  static let outputs: [Float] = [
    0.16350614, -0.23789406, -0.06318723, 0.26434889, -0.03787884, -0.00081483,
  ]
}
