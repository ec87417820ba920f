"""Trains a model of train-classifier with PyTorch DistributedDataParallel, and prints its speed as CSV.

torchrun --nproc-per-node RANKS Benchmarks/ddp_peer.py [--memory] MODEL STEPS [FOLDER]

Fashion-MNIST, 64 examples a rank, SGD with momentum 0.9, one thread a rank. On one rank nothing is wrapped
and nothing exchanged. images_per_second is that of all ranks, the first 5 steps left out, as
train-classifier counts it. With --memory the numbers after model and ranks are MiB a rank, as proportional
set size: of the interpreter with PyTorch and Gloo, with the data too, and after the last step.
"""
import gzip
import sys
import time

import numpy
import torch
import torch.distributed as dist
from torch import nn

BATCH, WARM_UP = 64, 5


def images(path):
    with gzip.open(path) as file:
        pixels = numpy.frombuffer(file.read(), numpy.uint8, offset=16)
    return torch.from_numpy(pixels.reshape(-1, 1, 28, 28).astype(numpy.float32) / 255)


def labels(path):
    with gzip.open(path) as file:
        return torch.from_numpy(numpy.frombuffer(file.read(), numpy.uint8, offset=8).astype(numpy.int64))


def dense(*widths):
    layers = [nn.Flatten()]
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, 10))


def memory():
    """MiB in use, of which a page that n processes share counts 1/n, as a mean over the ranks."""
    dist.barrier()
    with open("/proc/self/smaps_rollup") as file:
        kilobytes = next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    total = torch.tensor(kilobytes / 1024)
    dist.all_reduce(total)
    return total.item() / dist.get_world_size()


def main():
    words = [word for word in sys.argv[1:] if word != "--memory"]
    name, steps = words[0], int(words[1])
    folder = words[2] if len(words) > 2 else "/usr/share/datasets/fashion-mnist"
    dist.init_process_group("gloo")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rank, ranks = dist.get_rank(), dist.get_world_size()
    used = [memory()]
    inputs = images(f"{folder}/train-images-idx3-ubyte.gz")
    targets = labels(f"{folder}/train-labels-idx1-ubyte.gz")
    used.append(memory())
    network = {
        "mlp": lambda: dense(784, 512, 512, 10),
        "wide": lambda: dense(784, 4096, 4096, 10),
        "cnn": convolutional,
    }[name]()
    model = nn.parallel.DistributedDataParallel(network) if ranks > 1 else network
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(1))[rank::ranks]
    for step in range(WARM_UP + steps):
        if step == WARM_UP:
            dist.barrier()
            start = time.perf_counter()
        first = step * BATCH % (len(order) - BATCH)
        chosen = order[first : first + BATCH]
        optimizer.zero_grad(set_to_none=False)
        nn.functional.cross_entropy(model(inputs[chosen]), targets[chosen]).backward()
        optimizer.step()
    dist.barrier()
    seconds = time.perf_counter() - start
    used.append(memory())
    if rank == 0:
        figures = used if "--memory" in sys.argv else [steps * BATCH * ranks / seconds]
        print(name, ranks, *(f"{figure:.1f}" for figure in figures), sep=",", flush=True)
    dist.destroy_process_group()


main()
