#!/usr/bin/env python3
"""Tells from a timeline of train-classifier --trace how much of the exchange was hidden.

    scripts/test-hosts 2 -- .build/release/train-classifier --model cnn --steps 30 \\
      --epochs 1 --trace trace.json
    Benchmarks/hidden_share.py trace.json

Of each step: what could be hidden is the smaller of the time in which gradients were under way and
that of the backward pass after the first bucket was ready; what was hidden is the time in which both
went on. Medians over the steps, the first five left out, in milliseconds.
"""
import json
import statistics
import sys


def overlap(spans, start, end):
    """The time within start...end in which any of the spans, sorted, went on."""
    total, reached = 0.0, start
    for first, last in spans:
        first, last = max(first, reached), min(last, end)
        if last > first:
            total, reached = total + last - first, last
    return total


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__ if len(sys.argv) == 2 else "Say which timeline to read: hidden_share.py FILE")
    with open(sys.argv[1]) as file:
        events = [event for event in json.load(file)["traceEvents"] if event["ph"] == "X"]
    print(f"{'rank':>4} {'exchange':>9} {'backward after':>14} {'hidden':>7} {'share':>6}")
    for rank in sorted({event["pid"] for event in events}):
        own = sorted((event["ts"], event["ts"] + event["dur"], event["name"])
                     for event in events if event["pid"] == rank)
        rows = []
        steps = [span for span in own if span[2] == "step"][5:]
        for start, end, _ in steps:
            spans = [span for span in own if start <= span[0] < end]
            buckets = [span[:2] for span in spans if span[2].startswith("bucket ")]
            backward = [span[:2] for span in spans if span[2] == "backward"]
            if not buckets or not backward:
                sys.exit(f"{sys.argv[1]} has no exchange of buckets: start it with --update replicated, or"
                         " sharded on several hosts")
            exchange = overlap(buckets, start, end)
            after = max(0.0, backward[-1][1] - buckets[0][0])
            hidden = overlap(buckets, backward[-1][0], backward[-1][1])
            rows.append((exchange, after, hidden))
        exchange, after, hidden = (statistics.median(column) / 1e3 for column in zip(*rows))
        share = hidden / min(exchange, after) if min(exchange, after) > 0 else float("nan")
        print(f"{rank:>4} {exchange:9.2f} {after:14.2f} {hidden:7.2f} {share:6.2f}")


if __name__ == "__main__":
    main()
