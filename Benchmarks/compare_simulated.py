"""Simulated all-reduces against measured ones: the folder of Benchmarks/simulated-all-reduce."""
import csv
import glob
import os
import statistics
import subprocess
import sys


def measured(path):
    """Seconds by algorithm and bytes."""
    with open(path) as file:
        return {(row["algorithm"], int(row["bytes"])): float(row["median_us"]) / 1e6
                for row in csv.DictReader(file)}


def simulated(algorithms, ranks, local, sizes, latency, bandwidth):
    text = subprocess.run(
        [".build/release/simulate-allreduce", "--algorithms", ",".join(algorithms),
         "--ranks", str(ranks), "--ranks-per-host", str(local),
         "--bytes", ",".join(map(str, sizes)), "--latency", f"{latency * 1e6:.3f}us",
         "--bandwidth", f"{bandwidth / 1e9:.6f}GB/s", "--format", "csv"],
        check=True, capture_output=True, text=True).stdout
    return {(row["algorithm"], int(row["bytes"])): float(row["seconds"])
            for row in csv.DictReader(text.splitlines())}


folder, sizes = sys.argv[1], [int(size) for size in sys.argv[2].split(",")]
link = measured(os.path.join(folder, "link.csv"))
(_, small), (_, large) = sorted(key for key in link)
# A ring of two: two messages of half the bytes, one after the other.
latency = link[("ring", small)] / 2
bandwidth = large / (link[("ring", large)] - 2 * latency)
print(f"link: {latency * 1e6:.1f} us, {bandwidth / 1e6:.1f} MB/s")
print(f"{'placement':10}{'algorithm':18}{'bytes':>10}{'measured ms':>13}{'simulated':>11}{'ratio':>7}")
errors = []
for path in sorted(glob.glob(os.path.join(folder, "[1-4]x[1-4].csv"))):
    placement = os.path.basename(path)[:-4]
    hosts, local = map(int, placement.split("x"))
    found = measured(path)
    names = list(dict.fromkeys(name for name, _ in found))
    told = simulated(names, hosts * local, local, sizes, latency, bandwidth)
    for name in names:
        for size in sizes:
            if (name, size) not in found:
                continue
            ratio = told[(name, size)] / found[(name, size)]
            errors.append(abs(ratio - 1))
            print(f"{placement:10}{name:18}{size:10}{found[(name, size)] * 1e3:13.3f}"
                  f"{told[(name, size)] * 1e3:11.3f}{ratio:7.2f}")
print(f"{len(errors)} times: median error {100 * statistics.median(errors):.1f}%, "
      f"worst {100 * max(errors):.1f}%")
