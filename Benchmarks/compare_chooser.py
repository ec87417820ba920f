"""Prints what Benchmarks/chooser-guard measured: compare_chooser.py FOLDER [--suspects].

Reads first.ROUND.json and again.ROUND.json, as allreduce-bench prints them, and writes guard.csv. What was
measured again counts instead of what was measured first. With --suspects it prints only the sizes, separated
by commas, at which automatic is too slow. Ends with 1 if it is too slow somewhere.
"""
import csv
import json
import statistics
import sys
from pathlib import Path

from compare import micros, table, text

LIMIT = 1.05


class Guard:
    """The times of all rounds, and how automatic stands to the fastest."""

    def __init__(self, folder):
        self.times = {}  # {(buffers, bytes): {algorithm: [a median for each round]}}
        self.chosen = {}  # {(buffers, bytes): what automatic took}
        self.remeasured = set()
        self.title = ""
        for part in ("first", "again"):
            files = sorted(folder.glob(f"{part}.*.json"))
            found = {}
            for file in files:
                self.read(json.loads(file.read_text()), found)
            self.times.update(found)
            if part == "again":
                self.remeasured = set(found)
        if not self.times:
            sys.exit(f"{folder} has no measurements")

    def read(self, report, found):
        self.title = f"{report['ranks']} ranks on {report['hosts']} host{'s' * (report['hosts'] > 1)}"
        self.title += f", choices of automatic: {report['automatic_choices']}"
        for row in report["rows"]:
            if row["correct"] is False:
                sys.exit(f"a wrong result of {row['algorithm']} at {row['bytes']} bytes")
            key = (row["buffers"], row["bytes"])
            if row["algorithm_requested"] == "automatic":
                self.chosen[key] = row["algorithm"]
            else:
                found.setdefault(key, {}).setdefault(row["algorithm"], []).append(row["median_us"])
            # Elements in an arena may travel as messages as any others do.
            if row["buffers"] == "array" and row["algorithm"] not in ("sharedMemory", "hierarchical"):
                if row["algorithm_requested"] != "automatic":
                    arena = found.setdefault(("arena", row["bytes"]), {})
                    arena.setdefault(row["algorithm"], []).append(row["median_us"])

    def medians(self, key):
        return {name: statistics.median(values) for name, values in self.times[key].items()}

    def ratio(self, key):
        medians = self.medians(key)
        return medians[self.chosen[key]] / min(medians.values())

    def slow(self):
        return [key for key in self.keys() if self.ratio(key) > LIMIT]

    def keys(self):
        return sorted(key for key in self.times if key in self.chosen)

    def show(self):
        for kind in sorted({buffers for buffers, _ in self.keys()}):
            keys = [key for key in self.keys() if key[0] == kind]
            names = sorted({name for key in keys for name in self.times[key]})
            print(f"\n{kind}: medians in µs; ratio is automatic's time to the fastest")
            rows = [["size"] + names + ["automatic", "fastest", "ratio"]]
            for key in keys:
                medians = self.medians(key)
                mark = " again" if key in self.remeasured else ""
                mark += " TOO SLOW" if self.ratio(key) > LIMIT else ""
                rows.append(
                    [text(key[1])]
                    + [micros(medians.get(name)) for name in names]
                    + [self.chosen[key], min(medians, key=medians.get), f"{self.ratio(key):.3f}{mark}"]
                )
            table(rows)

    def write(self, file):
        with file.open("w") as output:
            writer = csv.writer(output, lineterminator="\n")
            writer.writerow(["buffers", "bytes", "algorithm", "rounds", "median_us", "automatic", "ratio"])
            for key in self.keys():
                fastest = min(self.medians(key).values())
                for name, median in self.medians(key).items():
                    chosen = int(name == self.chosen[key])
                    rounds = len(self.times[key][name])
                    writer.writerow([*key, name, rounds, f"{median:.3f}", chosen, f"{median / fastest:.4f}"])


def main():
    folder = Path(sys.argv[1])
    guard = Guard(folder)
    slow = guard.slow()
    if "--suspects" in sys.argv:
        print(",".join(map(str, sorted({size for _, size in slow}))))
        return
    print("; ".join((folder / "machine.txt").read_text().splitlines()))
    print(guard.title)
    guard.show()
    guard.write(folder / "guard.csv")
    worst = max(guard.keys(), key=guard.ratio)
    print(f"\nThe worst ratio: {guard.ratio(worst):.3f} at {text(worst[1])} in an {worst[0]}; limit {LIMIT}")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
