"""Prints what allreduce-vs-peers measured: compare.py RANKS FOLDER.

Reads SYSTEM.ROUND.csv of a folder and writes medians.csv, times.csv (seconds, a column a system, for a
chart), and a file SYSTEM.csv for each peer, such as allreduce-bench --peers reads.
"""
import csv
import statistics
import sys
from pathlib import Path

KI, MI = 1 << 10, 1 << 20
# The size classes, with what is to be reached at 2 ranks: an arena's cost in passes over shared
# memory, and how many times as fast as the best peer arenas and arrays are to be.
CLASSES = [
    ("up to 1 KiB", 0, KI, 1.1, 1.3, 0.9),
    ("4 KiB to 64 KiB", 4 * KI, 64 * KI, 1.1, 2.5, 1.3),
    ("256 KiB to 4 MiB", 256 * KI, 4 * MI, 1.1, 2.2, 1.2),
    ("16 MiB to 256 MiB", 16 * MI, 256 * MI, 1.05, 2.5, 1.6),
]


# How systems are called in charts.
LABELS = {
    "limit": "one pass",
    "arena": "AllReduce arena", "array": "AllReduce array",
    "ompi4": "Open MPI 4.1", "ompi5": "Open MPI 5", "mpich4": "MPICH 4", "mpich5": "MPICH 5",
    "impi": "Intel MPI", "gloo": "Gloo",
}


def read(folder):
    """{system: {bytes: [a median in microseconds for each round]}}"""
    times = {}
    for file in sorted(folder.glob("*.*.csv")):
        system = file.name.split(".")[0]
        for row in csv.DictReader(file.open()):
            name = system
            if system == "ours":
                name = row["algorithm"]
                if name not in ("limit", "memcpy"):
                    name = row["buffers"]
                wrong = row["correct"] == "0"
            else:
                wrong = row.get(None) is not None
            if wrong:
                sys.exit(f"{file.name}: a wrong result at {row['bytes']} bytes")
            sizes = times.setdefault(name, {})
            sizes.setdefault(int(row["bytes"]), []).append(float(row["median_us"]))
    return times


def text(size):
    for unit, factor in (("GiB", KI * MI), ("MiB", MI), ("KiB", KI)):
        if size >= factor and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size} B"


def micros(value):
    return "" if value is None else f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths)).rstrip())


def main():
    ranks, folder = int(sys.argv[1]), Path(sys.argv[2])
    rounds = read(folder)
    medians = {
        name: {size: statistics.median(values) for size, values in sizes.items()}
        for name, sizes in rounds.items()
    }
    own = ["arena", "array", "limit", "memcpy"]
    peers = [name for name in rounds if name not in own]
    for peer in peers:
        lines = [f"{size},{time:.3f}" for size, time in sorted(medians[peer].items())]
        (folder / f"{peer}.csv").write_text("\n".join(["bytes,median_us"] + lines) + "\n")
    with (folder / "medians.csv").open("w") as file:
        file.write("system,bytes,median_us,fastest_round_us,slowest_round_us\n")
        for name, sizes in rounds.items():
            for size, values in sorted(sizes.items()):
                middle = medians[name][size]
                file.write(f"{name},{size},{middle:.3f},{min(values):.3f},{max(values):.3f}\n")

    systems = own[:2] + sorted(peers) + own[2:]
    with (folder / "times.csv").open("w") as file:
        file.write(",".join(["bytes"] + [LABELS.get(name, name) for name in systems]) + "\n")
        for size in sorted(medians["arena"]):
            if all(size in medians[name] for name in systems):
                times = [f"{medians[name][size] / 1e6:.3e}" for name in systems]
                file.write(",".join([str(size)] + times) + "\n")

    loads = [float(line.split()[1]) for line in (folder / "load.txt").read_text().splitlines()]
    print("; ".join((folder / "machine.txt").read_text().splitlines()))
    print(
        f"Load average while it ran: {min(loads)} to {max(loads)}"
        f" (the ranks themselves are {ranks} of it)"
    )
    print("\nMedians in µs; ratios to the best peer (larger is better) and to limit and memcpy")
    header = ["size"] + own + peers
    ratios = ["arena:peer", "array:peer", "arena/limit", "arena/memcpy"]
    rows = [header + ratios]
    found = {}
    for size in sorted(medians["arena"]):
        at = {name: medians[name].get(size) for name in own + peers}
        best = min((at[peer] for peer in peers if at[peer]), default=None)
        found[size] = (
            at["arena"] / at["limit"] if at["limit"] else None,
            best / at["arena"] if best else None,
            best / at["array"] if best else None,
            at["arena"] / at["memcpy"] if at["memcpy"] else None,
        )
        of_limit, arena, array, of_copy = found[size]
        cells = [text(size)] + [micros(at[name]) for name in own + peers]
        rows.append(
            cells + ["" if x is None else f"{x:.2f}" for x in (arena, array, of_limit, of_copy)]
        )
    table(rows)

    print("\nThe worst ratio in each class of sizes" + (", and what is to be reached"))
    rows = [["class", "arena/limit", "arena:peer", "array:peer", "arena/memcpy"]]
    for name, low, high, limit_bar, arena_bar, array_bar in CLASSES:
        sizes = [size for size in found if low <= size <= high]
        if not sizes:
            continue
        if ranks != 2:
            limit_bar, array_bar = None, None
            arena_bar = 2 if low >= 256 * KI else 1
        bars = [limit_bar, arena_bar, array_bar, 1.05 if low >= 16 * MI and ranks == 2 else None]
        row = [name]
        for column, bar in enumerate(bars):
            values = [(found[size][column], size) for size in sizes if found[size][column]]
            if not values:
                row.append("")
                continue
            smaller_is_better = column in (0, 3)
            value, size = max(values) if smaller_is_better else min(values)
            met = bar is None or (value <= bar if smaller_is_better else value >= bar)
            goal = "" if bar is None else f" of {'<=' if smaller_is_better else '>='} {bar}"
            row.append(f"{value:.2f}{goal}{'' if met else ' MISSED'} at {text(size)}")
        rows.append(row)
    table(rows)


if __name__ == "__main__":
    main()
