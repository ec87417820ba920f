#!/usr/bin/env python3
"""Draws two steps of a timeline of train-classifier --trace as a picture.

    Benchmarks/timeline_svg.py trace.json picture.svg
"""
import json
import sys

WIDTH, LEFT, LANE, GAP = 900, 90, 26, 14
COLOURS = {"input": "#bbbbbb", "forward": "#4477aa", "backward": "#66ccee", "wait": "#eeeeee",
           "update": "#ccbb44", "gradients": "#228833", "weights": "#ee6677"}


def bar(x, y, width, height, colour, title):
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.4):.1f}" height="{height:.1f}"'
            f' fill="{colour}"><title>{title}</title></rect>')


def text(x, y, words, anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1]) as file:
        events = [event for event in json.load(file)["traceEvents"] if event["ph"] == "X"]
    ranks = sorted({event["pid"] for event in events})
    steps = [event for event in events if event["pid"] == ranks[0] and event["name"] == "step"]
    if len(steps) < 8:
        sys.exit(f"{sys.argv[1]} has {len(steps)} steps: 8 or more are needed, as the first are slower")
    first = len(steps) // 2
    start, end = steps[first]["ts"], steps[first + 1]["ts"] + steps[first + 1]["dur"]
    scale = (WIDTH - LEFT - 20) / (end - start)
    lines, y = [], 34.0
    for rank in ranks:
        own = [event for event in events
               if event["pid"] == rank and event["ts"] < end and event["ts"] + event["dur"] > start]
        lines.append(text(LEFT - 8, y + 17, f"rank {rank}", "end"))
        lines.append(text(LEFT - 8, y + LANE + 21, "exchange", "end"))
        buckets = 1 + max((int(event["name"].split()[-1]) for event in own if "bucket " in event["name"]),
                          default=0)
        for event in own:
            from_, to = max(event["ts"], start), min(event["ts"] + event["dur"], end)
            x, width, name = LEFT + (from_ - start) * scale, (to - from_) * scale, event["name"]
            title = f'{name}: {event["dur"] / 1e3:.2f} ms'
            if "bucket " in name:
                height = LANE / buckets
                top = y + LANE + 4 + int(name.split()[-1]) * height
                kind = "weights" if name.startswith("weights") else "gradients"
                lines.append(bar(x, top, width, height * 0.9, COLOURS[kind], title))
            elif name in COLOURS:
                lines.append(bar(x, y, width, LANE, COLOURS[name], title))
        y += 2 * LANE + 4 + GAP
    whole = (end - start) / 1e3
    lines.append(text(LEFT, y + 10, "0"))
    lines.append(text(WIDTH - 20, y + 10, f"{whole:.1f} ms", "end"))
    x = LEFT
    for name, colour in COLOURS.items():
        lines += [bar(x, 10, 12, 12, colour, name), text(x + 17, 20, name)]
        x += 110
    with open(sys.argv[2], "w") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 20:.0f}"'
                   ' font-family="sans-serif" font-size="13">\n'
                   f'<rect width="{WIDTH}" height="{y + 20:.0f}" fill="white"/>\n'
                   + "\n".join(lines) + "\n</svg>\n")


if __name__ == "__main__":
    main()
