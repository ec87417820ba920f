"""Networks of PyTorch for TorchTests: makes files of weights, and reads those that came back.

make FOLDER: for each network NAME.safetensors (the weights of a torch.nn.Sequential), NAME.npy (inputs, channels
last), NAME.out.npy (its outputs' softmax), and NAME.words (the layers as this library's programs take them).
check FOLDER: NAME.back.safetensors has to load with strict=True, and its outputs to be those in NAME.back.npy.
"""

import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

torch.manual_seed(1)
torch.set_num_threads(1)


def networks():
    yield "mlp", (20,), "20,32,relu,24,tanh,7", nn.Sequential(
        nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 24), nn.Tanh(), nn.Linear(24, 7))
    yield "cnn", (12, 10, 3), (
        "12x10x3,conv:8x3,batchnorm,relu,pool:2,conv:6x3/2+1,leakyrelu,avgpool:2/1,flatten,batchnorm,20,gelu,5"
    ), nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 6, 3, stride=2, padding=1), nn.LeakyReLU(0.01), nn.AvgPool2d(2, 1), nn.Flatten(),
        nn.BatchNorm1d(24), nn.Linear(24, 20), nn.GELU(), nn.Linear(20, 5))
    yield "alexnet", (224, 224, 3), (
        "224x224x3,conv:64x11/4+2,relu,pool:3/2,conv:192x5+2,relu,pool:3/2,conv:384x3+1,relu,conv:256x3+1,relu,"
        "conv:256x3+1,relu,pool:3/2,flatten,dropout:0.5,512,relu,dropout:0.5,512,relu,10"
    ), nn.Sequential(
        nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(), nn.Dropout(),
        nn.Linear(9216, 512), nn.ReLU(), nn.Dropout(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


def batch(shape, count):
    inputs = np.random.default_rng(2).standard_normal((count, *shape), dtype=np.float32)
    tensor = torch.from_numpy(inputs)
    return inputs, tensor.permute(0, 3, 1, 2) if len(shape) == 3 else tensor


def main(command, folder):
    folder = pathlib.Path(folder)
    for name, shape, words, network in networks():
        inputs, tensor = batch(shape, 4 if name == "alexnet" else 16)
        if command == "make":
            network.train()
            with torch.no_grad():
                for _ in range(3):  # averages of batch norm that are not 0 and 1
                    network(tensor * 2 + 1)
                # Outputs that differ between examples.
                network[-1].weight *= 20
            network.eval()
            save_file(network.state_dict(), folder / f"{name}.safetensors")
            np.save(folder / f"{name}.npy", inputs)
            np.save(folder / f"{name}.target.npy", np.arange(len(inputs)) % 5)
            with torch.no_grad():
                np.save(folder / f"{name}.out.npy", network(tensor).softmax(1).numpy())
            (folder / f"{name}.words").write_text(words)
        else:
            network.load_state_dict(load_file(folder / f"{name}.back.safetensors"), strict=True)
            network.eval()
            with torch.no_grad():
                wanted = network(tensor).softmax(1).numpy()
            found = np.load(folder / f"{name}.back.npy")
            difference = np.max(np.abs(found - wanted) / np.maximum(np.abs(wanted), 1e-3))
            print(f"{name}: {difference:.2e}")
            assert found.shape == wanted.shape and difference < 1e-5, name


main(*sys.argv[1:])
