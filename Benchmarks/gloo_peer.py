"""Times PyTorch's all_reduce (float, sum) over Gloo as allreduce-bench times its algorithms.

    torchrun --nproc-per-node RANKS gloo_peer.py [--seconds S] BYTES ...

Prints bytes,median_us,p10_us,p90_us,algbw_GBps on rank 0. Gloo works in place only. All ranks must
be on this machine: they read one clock.
"""
import os
import sys
import time

import torch
import torch.distributed as dist

MOST_CALLS, FEWEST_CALLS = 2000, 7


class StartLine:
    """Lets all ranks begin a call together: at an agreed instant, or after a barrier."""

    def __init__(self, agrees):
        self.slack = None
        if not agrees:
            return
        self.slack = 0
        delays = torch.tensor([float(self.wait()[1]) for _ in range(100)], dtype=torch.float64)
        dist.all_reduce(delays, op=dist.ReduceOp.MAX)
        self.slack = int(min(max(2 * delays[50:].quantile(0.95).item(), 2e3), 500e3))

    def wait(self):
        if self.slack is None:
            dist.barrier()
            return time.monotonic_ns(), 0
        instant = torch.tensor([time.monotonic_ns() + self.slack])
        dist.all_reduce(instant, op=dist.ReduceOp.MAX)
        start = instant.item()
        while (now := time.monotonic_ns()) < start:
            pass
        return start, now - start


def measure(size, seconds, rank, ranks, line):
    count = size // 4
    steps = torch.arange(count) % 13
    fresh = (steps + rank).float()
    wanted = (steps * ranks + ranks * (ranks - 1) // 2).float()
    values = torch.zeros(count)
    ends, starts, late = [], [], []

    def call():
        values.copy_(fresh)
        start, delay = line.wait()
        dist.all_reduce(values)
        ends.append(time.monotonic_ns())
        starts.append(start)
        late.append(delay)

    warmup = 10 if size < 1 << 20 else 2 if size < 64 << 20 else 1
    fastest = float("inf")
    for _ in range(warmup):
        begin = time.perf_counter()
        call()
        fastest = min(fastest, time.perf_counter() - begin)
    slowest = torch.tensor([fastest])
    dist.all_reduce(slowest, op=dist.ReduceOp.MAX)
    ends.clear(), starts.clear(), late.clear()
    for _ in range(int(min(max(seconds / slowest.item(), FEWEST_CALLS), MOST_CALLS))):
        call()
    wrong = 0 if torch.equal(values, wanted) else 1

    together = torch.tensor([ends, [-s for s in starts], late], dtype=torch.int64)
    dist.all_reduce(together, op=dist.ReduceOp.MAX)
    times, late = (together[0] + together[1]).double(), together[2].double()
    good = late <= torch.clamp(0.02 * times, min=200)
    if 2 * good.sum() > len(times):
        times = times[good]
    if rank == 0:
        median, low, high = (times.quantile(q).item() / 1e3 for q in (0.5, 0.1, 0.9))
        line = f"{size},{median:.3f},{low:.3f},{high:.3f},{size / median / 1e3:.6f}"
        print(line + (",WRONG" if wrong else ""), flush=True)


def main():
    arguments = sys.argv[1:]
    seconds = 0.2
    if arguments[:1] == ["--seconds"]:
        seconds, arguments = float(arguments[1]), arguments[2:]
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank, ranks = dist.get_rank(), dist.get_world_size()
    line = StartLine(1 < ranks <= os.cpu_count())
    if rank == 0:
        print("bytes,median_us,p10_us,p90_us,algbw_GBps", flush=True)
    for size in arguments:
        measure(int(size), seconds, rank, ranks, line)
    dist.destroy_process_group()


main()
