"""Reads what Benchmarks/prediction left, and prints predicted against measured steps, and regrets."""

import glob
import json
import os
import statistics
import sys


def write_plans(planned, name):
    """A file for each plan that can run, and the hosts that it uses."""
    with open(planned) as file:
        best = json.load(file)
    plans = [dict(best, name="chosen")] + best["alternatives"]
    for plan in plans:
        if plan["name"].startswith("data, "):
            continue
        key = plan["name"].replace(" ", "-")
        with open(f"{name}.plan.{key}", "w") as file:
            json.dump(plan["plan"], file)
        with open(f"{name}.hosts.{key}", "w") as file:
            file.write(str(plan["hosts_used"]))
        with open(f"{name}.predicted.{key}", "w") as file:
            json.dump({k: plan[k] for k in plan if k not in ("plan", "layers", "alternatives")}, file)


def settings(folder):
    for chosen in sorted(glob.glob(f"{folder}/*.planned")):
        name = chosen[: -len(".planned")]
        rows = []
        for path in sorted(glob.glob(f"{name}.predicted.*")):
            key = path.rsplit(".", 1)[1]
            times, sent, parts, peak = [], [], [], 0
            for run in sorted(glob.glob(f"{name}.run.{key}.*")):
                try:
                    with open(run) as file:
                        found = json.load(file)
                except ValueError:
                    continue
                if found["step_seconds"] is None:
                    continue
                times.append(found["step_seconds"])
                steps = max(found["steps"], 1)
                sent.append([bytes / steps for bytes in found["network_bytes_sent"]])
                peak = max(peak, max(found["peak_resident_bytes"]))
                parts.append((found["compute_seconds"] / steps, found["update_seconds"] / steps))
            if times:
                with open(path) as file:
                    rows.append((key, json.load(file), times, sent, parts, peak))
        if rows:
            yield os.path.basename(name), rows


def main(folder):
    errors, regrets, right, pairs = [], [], 0, 0
    for name, rows in settings(folder):
        print(f"\n{name}")
        print(f"{'plan':22} {'predicted':>10} {'measured':>10} {'error':>7}   {'compute':>15} {'update':>13}")
        seen = []
        for key, predicted, times, sent, parts, peak in rows:
            measured = statistics.median(times)
            error = predicted["step_seconds"] / measured - 1
            compute = statistics.median(part[0] for part in parts)
            update = statistics.median(part[1] for part in parts)
            print(
                f"{key:22} {predicted['step_seconds'] * 1e3:10.2f} {measured * 1e3:10.2f} {error:+7.1%}"
                f"   {predicted['compute_seconds'] * 1e3:7.1f} {compute * 1e3:7.1f} {update * 1e3:7.1f}"
                f"   memory {predicted['peak_bytes'] / 1e6:.0f} {peak / 1e6:.0f}"
            )
            errors.append((abs(error), name, key))
            seen.append((key, predicted["step_seconds"], measured, times))
        chosen = next(row for row in seen if row[0] == "chosen")
        best = min(seen, key=lambda row: row[2])
        wins = sum(b < c for b, c in zip(best[3], chosen[3]))
        counts = best is not chosen and wins * 5 >= 4 * len(chosen[3])
        regrets.append((chosen[2] / best[2] if counts else 1.0, name, best[0]))
        for i, a in enumerate(seen):
            for b in seen[:i]:
                if max(a[2], b[2]) > 1.03 * min(a[2], b[2]):
                    pairs += 1
                    right += (a[1] < b[1]) == (a[2] < b[2])
    if not errors:
        sys.exit(f"{folder} has no results")
    print(f"\nerror of a step's time: median {statistics.median(e[0] for e in errors):.1%}, "
          f"worst {max(errors)[0]:.1%} ({max(errors)[1]}, {max(errors)[2]})")
    values = sorted(r[0] for r in regrets)
    print(f"regret: median {statistics.median(values):.3f}, worst {max(regrets)[0]:.3f} "
          f"({max(regrets)[1]}: {max(regrets)[2]})")
    print(f"pairs that differ by more than 3%: {right} of {pairs} in the right order")


if sys.argv[1] == "--plans":
    write_plans(sys.argv[2], sys.argv[3])
else:
    main(sys.argv[1])
