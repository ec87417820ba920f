"""Prints what Benchmarks/hosts measured: compare_hosts.py FOLDER.

Reads PLACEMENT.START.csv, as allreduce-bench prints them, and writes all rows into hosts.csv.
"""
import csv
import statistics
import sys
from pathlib import Path

from compare import KI, MI, micros, table, text

# Open MPI's algorithms for all-reduce, by their numbers in coll_tuned_allreduce_algorithm.
FORCED = {
    "forced1": "linear",
    "forced2": "reduce+bcast",
    "forced3": "doubling",
    "forced4": "ring",
    "forced5": "segmented",
    "forced6": "rabenseifner",
}


def read(folder):
    """{placement: {start: {bytes: {"ours" | "arena" | "native" | "tcp": [a median in µs for each start]}}}}"""
    found = {}
    rows = []
    for file in sorted(folder.glob("*x*.*.csv")):
        placement, start = file.name.split(".")[:2]
        sizes = found.setdefault(placement, {}).setdefault(start, {})
        for row in csv.DictReader(file.open()):
            if row["bytes"] == "bytes":
                continue  # the header of another start
            if row["correct"] == "0":
                sys.exit(f"{file.name}: a wrong result at {row['bytes']} bytes")
            rows.append({"placement": placement, "start": start, **row})
            name = row["algorithm"]
            if name not in ("native", "tcp"):
                name = "arena" if row["buffers"] == "arena" else "ours"
            at = sizes.setdefault(int(row["bytes"]), {})
            at.setdefault(name, []).append(float(row["median_us"]))
            if name == "ours":
                at["ran"] = row["algorithm"]
    if rows:
        with (folder / "hosts.csv").open("w") as file:
            writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return found


def quotient(a, b):
    """The median of the starts' ratios."""
    return statistics.median(x / y for x, y in zip(a, b)) if a and b else None


def middle(values):
    return statistics.median(values) if values else None


def ratio(value):
    return "" if value is None else f"{value:.2f}"


def show(placement, starts):
    print(f"\n{placement.replace('x', ' hosts x ')}: medians in µs; ratios to ours, above 1 is slower")
    default = starts["default"]
    forced = [name for name in FORCED if name in starts]
    has_arena = any("arena" in at for at in default.values())
    header = ["size", "ran", "ours"] + (["arena"] if has_arena else [])
    header += ["tcp", "Open MPI", "ours/tcp", "default"] + [FORCED[name] for name in forced]
    rows = [header]
    for size, at in sorted(default.items()):
        row = [text(size), at["ran"], micros(middle(at["ours"]))]
        row += [micros(middle(at.get("arena")))] if has_arena else []
        row += [micros(middle(at.get("tcp"))), micros(middle(at.get("native")))]
        row += [ratio(quotient(at["ours"], at.get("tcp"))), ratio(quotient(at.get("native"), at["ours"]))]
        for name in forced:
            there = starts[name].get(size, {})
            row.append(ratio(quotient(there.get("native"), there.get("ours"))))
        rows.append(row)
    table(rows)


class Verdicts:
    """Lines of what is to be reached and what was."""

    def __init__(self):
        self.rows = []

    def add(self, what, values, bar, at_most):
        """values: [(ratio, bytes)]; the worst counts."""
        values = [value for value in values if value[0] is not None]
        if not values:
            return
        worst, size = max(values) if at_most else min(values)
        met = worst <= bar if at_most else worst >= bar
        goal = f"{'<=' if at_most else '>='} {bar}"
        self.rows.append([what, f"{worst:.3f} at {text(size)}", goal, "met" if met else "MISSED"])

    def show(self):
        if self.rows:
            print("\nThe worst ratio of each kind, and what is to be reached")
            table([["", "worst", "goal", ""]] + self.rows)


def judge(found):
    verdicts = Verdicts()
    four = found.get("4x1", {})
    default = four.get("default", {})
    verdicts.add(
        "4x1: ours / tcp, from 4 MiB",
        [(quotient(at["ours"], at.get("tcp")), size) for size, at in default.items() if size >= 4 * MI],
        1.05,
        True,
    )
    for low, high in ((0, 16 * KI), (16 * KI + 1, MI), (MI + 1, 1 << 40)):
        values = [
            (quotient(at.get("native"), at["ours"]), size)
            for name, start in four.items()
            if name == "default" or name in FORCED
            for size, at in start.items()
            if low <= size <= high
        ]
        kind = "4x1: best of Open MPI / ours, "
        kind += f"up to {text(high)}" if high < 1 << 40 else f"above {text(low - 1)}"
        verdicts.add(kind, values, 1.0, False)
    verdicts.add(
        "4x1: bfloat16 / full, from 1 MiB",
        [
            (quotient(at["ours"], default.get(size, {}).get("ours")), size)
            for size, at in four.get("bfloat16", {}).items()
            if size >= MI
        ],
        0.53,
        True,
    )
    verdicts.add(
        "3x1: Open MPI's default / ours, from 1 MiB",
        [
            (quotient(at.get("native"), at["ours"]), size)
            for size, at in found.get("3x1", {}).get("default", {}).items()
            if size >= MI
        ],
        1.5,
        False,
    )
    one = found.get("2x1", {}).get("default", {})
    for name in ("ours", "arena"):
        verdicts.add(
            f"2x2 ({'array' if name == 'ours' else name}) / 2x1, from 1 MiB",
            [
                (quotient(at.get(name), one.get(size, {}).get("ours")), size)
                for size, at in found.get("2x2", {}).get("default", {}).items()
                if size >= MI
            ],
            1.06,
            True,
        )
    verdicts.show()


def main():
    folder = Path(sys.argv[1])
    found = read(folder)
    print("; ".join((folder / "machine.txt").read_text().splitlines()))
    for placement, starts in found.items():
        show(placement, starts)
    judge(found)


if __name__ == "__main__":
    main()
