"""What aggregations cost beyond their rows: values of count(DISTINCT) that are there already, and sliding windows."""

import os
import shutil
from statistics import median

from event_time import at
from measure import Failed, run
from sides import progress

EPOCHS = 20
ROWS = 20_000
NEW = 2_000

# What is counted by.
ALL = ""
SESSION = " GROUP BY session_window(t, '1 hour')"


def job(folder, sql, more=""):
    with open(f"{folder}/job.toml", "w") as file:
        file.write(
            f'name = "aggregates"\ntrigger = "available-now"\n[source.rows]\npath = "{folder}/rows/*.json"\nformat = "json"\n'
            'max_files_per_epoch = 1\nschema = { t = "timestamp", k = "int64" }\nevent_time = "t"\nwatermark = "0s"\n'
            f'[operator.x]\nsql = """{sql}"""\n{more}[sink.out]\ninput = "x"\nconnector = "file"\n'
            f'path = "{folder}/out"\nformat = "parquet"\n'
        )


def epochs_of(ours, folder):
    """The epochs of a run of the job in `folder` that had rows."""
    command = [ours.program, "run", f"{folder}/job.toml", "--progress", "json", "--set", f"checkpoint={folder}/state"]
    _, said = run(command)
    return [line for _, line in progress(said) if line.get("rows_in")]


def log_bytes(folder):
    return sum(entry.stat().st_size for entry in os.scandir(f"{folder}/state/log"))


def distinct(args, ours):
    """count(DISTINCT): epochs of 20,000 rows with 2,000 new values, behind few values and behind many."""
    lines = ["| group | values before | epoch | written to the log an epoch | a new value |", "|---|---|---|---|---|"]
    for values, by in ((int(values), by) for by in (ALL, SESSION) for values in args.behind.split(",")):
        folder = f"{args.work}/distinct"
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(f"{folder}/rows")
        job(folder, f"SELECT count(DISTINCT k) AS n FROM rows{by}", 'output_mode = "complete"\n')
        with open(f"{folder}/rows/000.json", "w") as file:
            file.writelines(f'{{"t":"{at(0)}","k":{value}}}\n' for value in range(values))
        epochs_of(ours, folder)
        before = log_bytes(folder)
        for epoch in range(EPOCHS):
            with open(f"{folder}/rows/{epoch + 1:03}.json", "w") as file:
                for row in range(ROWS):
                    value = values + epoch * NEW + row if row < NEW else row * 7919 % values
                    file.write(f'{{"t":"{at(0)}","k":{value}}}\n')
        epochs = epochs_of(ours, folder)
        if len(epochs) != EPOCHS:
            raise Failed(f"distinct: {len(epochs)} epochs")
        log = (log_bytes(folder) - before) / EPOCHS
        took = median(epoch["compute_ms"] for epoch in epochs)
        group = "a session" if by else "all rows"
        lines.append(f"| {group} | {values:,} | {took:.1f} ms | {log / 1e3:.0f} KB | {log / NEW:.0f} bytes |")
        shutil.rmtree(folder)
    return lines


def sliding(args, ours):
    """Windows of up to a day that begin every ten seconds, 20 keys with a row a second for an hour: closed all at once."""
    lines = ["| windows a row lies in | windows × keys that came out | compute | a window and key |", "|---|---|---|---|"]
    for windows in (10, 100, 1000, 8640):
        folder = f"{args.work}/sliding"
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(f"{folder}/rows")
        sql = f"SELECT window.start, k, count(*) AS n, sum(k) AS total FROM rows GROUP BY window(t, '{windows * 10} seconds', '10 seconds'), k"
        job(folder, sql, 'output_mode = "complete"\n')
        with open(f"{folder}/rows/000.json", "w") as file:
            file.writelines(f'{{"t":"{at(row // 20)}","k":{row % 20}}}\n' for row in range(3600 * 20))
        epoch = epochs_of(ours, folder)[0]
        out = epoch["rows_out"]
        lines.append(f"| {windows:,} | {out:,} | {epoch['compute_ms']:.0f} ms | {epoch['compute_ms'] / out * 1e6:.0f} ns |")
        shutil.rmtree(folder)
    return lines
