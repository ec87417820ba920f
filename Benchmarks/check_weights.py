#!/usr/bin/env python3
"""Computes the test accuracy of a checkpoint of dense layers with numpy alone.

  .build/release/train-classifier --model mlp --checkpoint run
  python3 Benchmarks/check_weights.py run

The weights come through Python's own `safetensors`, the images from the files that the run was tested on.
It ends with 1 if the accuracy is not the one that train-classifier found. Needs numpy and safetensors.
"""

import argparse
import gzip
import json
import os
import sys

import numpy
from safetensors import safe_open


def idx(folder, name):
    """The numbers of an IDX file, packed or not."""
    path = os.path.join(folder, name)
    data = open(path, "rb").read() if os.path.exists(path) else gzip.open(path + ".gz").read()
    sizes = numpy.frombuffer(data, ">i4", count=data[3], offset=4)
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * data[3]).reshape(sizes)


def test_examples(name, project):
    """Images as rows of numbers from 0 to 1, and their classes."""
    if name == "digits":
        rows = numpy.loadtxt(os.path.join(project, "data/digits.csv.gz"), delimiter=",", ndmin=2)[-297:]
        return rows[:, :-1].astype(numpy.float32) / 16, rows[:, -1].astype(int)
    images = idx(name, "t10k-images-idx3-ubyte")
    return images.reshape(len(images), -1).astype(numpy.float32) / 255, idx(name, "t10k-labels-idx1-ubyte")


def main():
    project = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    fashion = "/usr/share/datasets/fashion-mnist"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", help="what --checkpoint named")
    parser.add_argument("--data", default=fashion if os.path.isdir(fashion) else "digits",
                        help="a folder of IDX files, or digits (default: %(default)s)")
    options = parser.parse_args()

    with safe_open(os.path.join(options.folder, "checkpoint.safetensors"), "numpy") as file:
        training = json.loads(file.metadata()["training"])
        tensors = {name: file.get_tensor(name) for name in file.keys() if "/" not in name}
    layers = sorted({int(name.split(".")[0]) for name in tensors})
    if any(tensors[f"{layer}.weight"].ndim != 2 for layer in layers):
        sys.exit("error: this script knows dense layers with ReLU between them, and no others")

    values, classes = test_examples(options.data, project)
    for layer in layers:
        values = values @ tensors[f"{layer}.weight"].T + tensors[f"{layer}.bias"]
        if layer != layers[-1]:
            values = numpy.maximum(values, 0)
    right = int((values.argmax(axis=1) == classes).sum())
    expected = training["test_accuracy"][-1] if training["steps_of_epoch"] == 0 else None
    print(f"numpy: {right} of {len(classes)} right, {right / len(classes):.4f}; "
          f"train-classifier after {training['steps']} steps: {expected}")
    # An example on the fence may fall to the other side by another order of additions.
    if expected is not None and abs(right - expected * len(classes)) > 1 + 1e-4 * len(classes):
        sys.exit("error: the accuracies differ")


if __name__ == "__main__":
    main()
