"""What event time costs: that state stays flat as the stream goes on, and that an epoch costs what it touches, however
much is stored."""

import json
import os
import shutil
from statistics import median

from measure import Failed, run, tree_memory
from sides import progress


def flat(args, ours):
    """Windows, a join and a deduplication over a stream whose event time moves on: state and memory over time."""
    folder = f"{args.work}/out/flat"
    sets = [f"sink.{sink}.path={folder}/{sink}" for sink in ("out", "joined", "visitors")]
    sets += [f"source.{source}.rows={args.stream // 2}" for source in ("views", "clicks")]
    seen = []

    def on_line(pid, line):
        if line.startswith("{") and "epoch" in (epoch := json.loads(line)):
            seen.append((epoch, tree_memory(pid)))

    cost, lines = run(ours.command("flat", sets=sets), on_line=on_line)
    epochs = [(epoch, memory) for epoch, memory in seen if epoch["rows_in"]]
    shown = [epochs[min(len(epochs) - 1, len(epochs) * part // 10)] for part in range(1, 11)]
    shutil.rmtree(folder, ignore_errors=True)
    rows = 0
    before = {}
    for epoch, _ in epochs:
        rows += epoch["rows_in"]
        before[epoch["epoch"]] = rows
    return [
        f"{rows:,} rows in {cost.wall:.0f} s ({rows / cost.wall / 1e6:.2f}M rows/s, "
        f"{rows / cost.cpu / 1e6:.2f}M per CPU second), peak memory {cost.memory / 1e6:.0f} MB:",
        "",
        "| rows read | watermark | rows in state | state | memory of the process | epoch |",
        "|---|---|---|---|---|---|",
    ] + [
        f"| {before[epoch['epoch']] / 1e6:.1f}M | {epoch['watermark'][11:19]} | {epoch['state_rows']:,} "
        f"| {epoch['state_bytes'] / 1e6:.1f} MB | {memory / 1e6:.0f} MB | {epoch['total_ms']:.0f} ms |"
        for epoch, memory in shown
    ]


EPOCHS = 20
# Rows of an epoch: half of keys that are stored, half of keys that later epochs close.
ROWS = 50_000
TOUCHED = 5_000
NOON = 12 * 3600
OPERATORS = {
    "sessions": "SELECT session_window.start, k, count(*) AS n FROM rows GROUP BY session_window(t, '1 hour'), k",
    "join": """SELECT l.k, l.t, r.t AS other FROM rows l JOIN other r
               ON l.k = r.k AND r.t BETWEEN l.t - INTERVAL '1 second' AND l.t""",
    "dedup": "SELECT DISTINCT k, t FROM rows",
}


def epochs(args, ours):
    """The same input behind little state and behind much: how long an epoch takes."""
    sizes = [int(keys) for keys in args.behind.split(",")]
    lines = ["| operator | " + " | ".join(f"{keys:,} keys" for keys in sizes) + " | ratio |", "|---" * (len(sizes) + 2) + "|"]
    for operator, sql in OPERATORS.items():
        found = {keys: [] for keys in sizes}
        stored = {}
        for turn in range(args.runs + 1):
            for keys in sizes:
                stored[keys], took = epoch_time(args, ours, keys, operator, sql)
                if turn:
                    found[keys].append(took)
        ratio = median(b / a for a, b in zip(found[sizes[0]], found[sizes[-1]]))
        cells = " | ".join(f"{median(found[keys]):.1f} ms ({stored[keys]:,} rows in state)" for keys in sizes)
        lines.append(f"| {operator} | {cells} | {ratio:.2f} |")
    return lines


def epoch_time(args, ours, keys, operator, sql):
    """Rows in state, and the median milliseconds of epochs behind `keys` keys that nothing closes."""
    folder = f"{args.work}/behind"
    shutil.rmtree(folder, ignore_errors=True)
    for source in ("rows", "other"):
        os.makedirs(f"{folder}/{source}")
    with open(f"{folder}/rows/000.json", "w") as file:
        file.writelines(f'{{"t":"{at(NOON + key % 600)}","k":{key}}}\n' for key in range(keys))
    open(f"{folder}/other/000.json", "w").close()
    for epoch in range(EPOCHS):
        write_epoch(folder, epoch)
    with open(f"{folder}/job.toml", "w") as job:
        job.write('name = "behind"\ntrigger = "available-now"\n')
        for source in ("rows", "other"):
            job.write(
                f'[source.{source}]\npath = "{folder}/{source}/*.json"\nformat = "json"\nmax_files_per_epoch = 1\n'
                'schema = { t = "timestamp", k = "int64" }\nevent_time = "t"\nwatermark = "2h"\n'
            )
        job.write(f'[operator.x]\nsql = """{sql}"""\n[sink.out]\ninput = "x"\nconnector = "file"\n')
        job.write(f'path = "{folder}/out"\nformat = "parquet"\n')
    command = [ours.program, "run", f"{folder}/job.toml", "--progress", "json", "--set", f"checkpoint={folder}/state"]
    _, said = run(command)
    # The one that stores the keys, and its successor while which that is made durable, do not count.
    reports = [line for _, line in progress(said) if "epoch" in line][2 : EPOCHS + 1]
    if len(reports) < EPOCHS - 2:
        raise Failed(f"{operator}: only {len(reports)} epochs")
    shutil.rmtree(folder)
    return reports[-1]["state_rows"], median(report["compute_ms"] for report in reports)


def write_epoch(folder, epoch):
    """One epoch's rows: the watermark goes on by a minute, to two hours behind the first of them."""
    with open(f"{folder}/rows/{epoch + 1:03}.json", "w") as rows, open(f"{folder}/other/{epoch + 1:03}.json", "w") as other:
        for row in range(ROWS):
            stored = row % 2 == 0
            if row == 0:
                time, key = NOON + 600 + epoch * 60, 0
            elif stored:
                time, key = NOON + 600 + epoch, row % TOUCHED
            else:
                time, key = NOON + 600 + (epoch - 180) * 60 + 61 + row % 60, -1 - epoch * ROWS - row % TOUCHED
            rows.write(f'{{"t":"{at(time)}","k":{key}}}\n')
            if row == 0:
                other.write(f'{{"t":"{at(time)}","k":-1}}\n')
            elif stored and row % 10 == 2:
                # Finds the row of its key that the first epoch stored.
                other.write(f'{{"t":"{at(NOON + key % 600)}","k":{key}}}\n')


def at(second):
    return f"2026-03-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
