"""What is not rows per second: latency, state, and a plugin that never returns. Each gives lines of Markdown."""

import os
import random
import shutil

import aggregates
import event_time
from measure import Failed, run
from sides import progress


def latency(args, ours):
    """4,000 rows a second through a map plugin to files: how long epochs take, from planned to committed."""
    ours.check("latency")
    cost, lines = run(ours.command("latency"), stop_after=args.seconds)
    epochs = [line for _, line in progress(lines) if "epoch" in line]
    # The first second is the start: the plugin's instances, the first files.
    epochs = epochs[len(epochs) // args.seconds :]
    if len(epochs) < 100:
        raise Failed(f"latency: only {len(epochs)} epochs in {args.seconds} s")
    times = sorted(epoch["total_ms"] for epoch in epochs)
    rows = sum(epoch["rows_in"] for epoch in epochs)
    at = lambda share: times[min(len(times) - 1, int(share * len(times)))]
    return [
        "| epochs | rows per epoch | p50 | p99 | greatest | CPU |",
        "|---|---|---|---|---|---|",
        f"| {len(times):,} | {rows / len(times):.1f} | {at(0.5):.1f} ms | {at(0.99):.1f} ms | {times[-1]:.1f} ms "
        f"| {cost.cpu / cost.wall * 100:.0f} % of a core |",
    ]


def state(args, ours):
    """A count over many keys: what an epoch writes for the keys that it touches, and how long a restart takes."""
    lines = [
        "| keys | keys touched | written to log | a key | snapshots written | epoch | start to first output | memory |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for keys in map(int, args.keys.split(",")):
        folder = f"{args.work}/keys"
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        files = 20
        for file in range(files):
            write_keys(f"{folder}/{file:03}.txt", range(file * keys // files, (file + 1) * keys // files))
        sets = [f"source.keys.path={folder}/*.txt"]
        run(ours.command("state", sets=sets))
        checkpoint = f"{args.work}/state/state"
        random.seed(1)
        for turn, touched in enumerate([1_000, 10_000, 100_000]):
            before = sizes(checkpoint)
            write_keys(f"{folder}/{files + turn:03}.txt", random.sample(range(keys), touched))
            cost, said = run(ours.command("state", sets=sets, fresh=False))
            after = sizes(checkpoint)
            written = {path: size - before.get(path, 0) for path, size in after.items() if size > before.get(path, 0)}
            log = sum(size for path, size in written.items() if path.startswith("log/"))
            snapshots = sum(written.values()) - log
            first, epoch = next((at, line) for at, line in progress(said) if "epoch" in line)
            lines.append(
                f"| {keys / 1e6:.0f}M | {touched:,} | {log / 1e6:.2f} MB | {log / touched:.0f} bytes "
                f"| {snapshots / 1e6:.1f} MB | {epoch['total_ms']:.0f} ms | {first:.2f} s "
                f"({sum(before.values()) / 1e6:.0f} MB of checkpoint, {epoch['state_bytes'] / 1e6:.0f} MB of state) "
                f"| {cost.memory / 1e6:.0f} MB |"
            )
        shutil.rmtree(folder)
    return lines


def write_keys(path, numbers):
    with open(path, "w") as f:
        f.writelines(f"/page/{number * 2654435761 % 2**32:010}\n" for number in numbers)


def sizes(folder):
    """The length of each file, by its path in the folder."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            found[os.path.relpath(path, folder)] = os.path.getsize(path)
    return found


def loops(args, ours):
    """A plugin that loops on every row: how long until the job stops."""
    folder = f"{args.work}/loops"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with open(f"{folder}/lines.txt", "w") as f:
        f.writelines(f"line {number}\n" for number in range(100_000))
    data = [f"source.logs.path={folder}/lines.txt", f"dead_letters.path={args.work}/out/loops-dead-letters"]
    ours.check("loops", *data)
    cost, lines = run(ours.command("loops", sets=data), may_fail=True)
    said = " ".join(line.strip() for _, line in lines if not line.startswith("{"))
    if "longer than" not in said:
        raise Failed(f"loops: the job did not stop for the plugin's time: {said}")
    return [f"A plugin that loops on each of 100,000 rows: the job stopped after {cost.wall:.1f} s."]


ALL = {
    "latency": latency,
    "state": state,
    "loops": loops,
    "flat": event_time.flat,
    "epochs": event_time.epochs,
    "distinct": aggregates.distinct,
    "sliding": aggregates.sliding,
}
