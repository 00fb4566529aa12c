#!/usr/bin/env python3
"""Runs whole jobs, Spark's in turns with them where it is installed, and writes tables of the results as Markdown.

    cargo build --release
    python3 bench/end_to_end.py --rows 5000000 --out table.md
    python3 bench/end_to_end.py --rows 5000000 --spark spark/bin/python --out table.md

Spark: `python3 -m venv spark && spark/bin/pip install pyspark==4.3.0`, and a Java 17. Linux only (/proc), Python 3.9,
nothing but its standard library. See README.md beside this file.
"""

import argparse
import datetime
import os
import platform
import shutil
import subprocess
import sys
from statistics import median

import nexmark
import scenarios
from measure import Failed
from sides import Millstream, Spark, wait_for_idle

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
ENDINGS = {"json": "json", "text": "log", "csv": "csv"}
NEXMARK = "nexmark"

# What is compared: a title, the files' form, our jobs (the first one is the base of the others), Spark's.
COMPARISONS = [
    ("windows", "json", ["windows", "windows on one core", "decode"], "windows"),
    ("words", "text", ["words-wasm"], "words"),
    ("text", "text", ["text-sql", "text-wasm"], "text"),
    ("csv", "csv", ["csv-sql", "csv-wasm"], "csv"),
    ("csv-counts", "csv", ["csv-counts"], "csv_counts"),
    ("q8", NEXMARK, ["q8"], "q8"),
    ("keyed-count", "json", ["keyed-count"], "keyed_count"),
]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=f"{ROOT}/target/release/millstream", help="default: %(default)s")
    parser.add_argument("--spark", metavar="PYTHON", help="Python of an environment with PySpark")
    parser.add_argument("--work", default=f"{ROOT}/target/bench", help="folder for data and results (%(default)s)")
    parser.add_argument("--rows", type=int, default=5_000_000, help="rows of each input (%(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="runs that count, after one that does not (%(default)s)")
    parser.add_argument("--cores", type=int, default=2, help="Spark's local[N] and shuffle partitions (%(default)s)")
    parser.add_argument("--seconds", type=int, default=30, help="how long the latency job runs (%(default)s)")
    parser.add_argument("--keys", default="1000000,10000000", help="sizes of state (%(default)s)")
    parser.add_argument("--behind", default="10000,1000000", help="keys behind which epochs are timed (%(default)s)")
    parser.add_argument("--stream", type=int, default=50_000_000, help="rows of the stream whose state is flat (%(default)s)")
    parser.add_argument("--only", help="some of: " + ", ".join([c[0] for c in COMPARISONS] + list(scenarios.ALL)))
    parser.add_argument("--out", help="file for the tables; default: standard output")
    return parser.parse_args()


def generate(args, form):
    """The input, made once for its number of rows: what a job has to be told to read it."""
    folder = f"{args.work}/data-{args.rows}/{form}"
    if not os.path.exists(f"{folder}.done"):
        shutil.rmtree(folder, ignore_errors=True)
        make(args, form, folder)
        open(f"{folder}.done", "w").close()
    if form == NEXMARK:
        return [f"source.{kind}.path={folder}/{kind}/*.json" for kind in ("person", "auction")]
    return [f"source.logs.path={folder}/*.{ENDINGS[form]}"]


def make(args, form, folder):
    if form == NEXMARK:
        nexmark.write(folder, args.rows)
    else:
        options = ["--rows", args.rows, "--files", 50, "--format", form, "--urls", 2000, "--seed", 42]
        command = [args.program, "generate", "access-logs", "--out", folder, *map(str, options)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def compare(args, ours, comparison):
    """Rows of the table for one comparison: all sides in turns, the first turn not counted."""
    title, form, jobs, spark_job = comparison
    inputs = generate(args, form)
    for job in jobs:
        ours.check(job.split()[0], *inputs)
    folder = f"{args.work}/data-{args.rows}"
    spark = Spark(args.spark, spark_job, folder, args.work, args.cores) if args.spark else None
    costs = {job: [] for job in jobs + (["Spark"] if spark else [])}
    wait_for_idle()
    for turn in range(args.runs + 1):
        for side, found in costs.items():
            if side == "Spark":
                cost, rows = spark.run()
            else:
                cost, rows = ours.run(side.split()[0], inputs, one_core=side.endswith("on one core"))
            # Spark counts rows after what it could push into its CSV reader.
            if side != "Spark" and rows != args.rows:
                raise Failed(f"{side} read {rows} rows of {args.rows}")
            print(f"  {title}: {side}, turn {turn}: {cost.wall:.2f} s", file=sys.stderr)
            if turn:
                found.append(cost)
    if spark:
        spark.close()
    return [figures(args, title, job, costs) for job in costs]


def figures(args, title, side, costs):
    """A row: medians of this side, and medians of the ratios to the others, turn by turn."""
    mine = costs[side]
    wall = median(c.wall for c in mine)
    ratio = lambda other: median(o.wall / m.wall for o, m in zip(costs[other], mine)) if other in costs else None
    first = next(iter(costs))
    return {
        "job": side if side != "Spark" else f"Spark: {title}",
        "rows/s": args.rows / wall,
        "rows per CPU second": args.rows / median(c.cpu for c in mine),
        "memory": median(c.memory for c in mine),
        "to Spark": ratio("Spark") if side != "Spark" else None,
        "to first": ratio(first) if side != first and side != "Spark" else None,
        "spread": (max(c.wall for c in mine) - min(c.wall for c in mine)) / wall,
    }


def table(rows):
    lines = [
        "| job | rows/s | rows per CPU second | peak memory | times Spark | times the first of its group | spread |",
        "|---|---|---|---|---|---|---|",
    ]
    times = lambda value: "" if value is None else f"{value:.2f}" if value < 10 else f"{value:.1f}"
    for row in rows:
        lines.append(
            f"| {row['job']} | {row['rows/s'] / 1e6:.2f}M | {row['rows per CPU second'] / 1e6:.2f}M "
            f"| {row['memory'] / 1e6:.0f} MB | {times(row['to Spark'])} | {times(row['to first'])} "
            f"| {row['spread'] * 100:.0f} % |"
        )
    return lines


def machine(args):
    version = subprocess.run([args.program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (
        f"{datetime.date.today()}, {version}, {os.cpu_count()} cores ({model}), {memory:.0f} GiB, "
        f"Linux {platform.release()}, {args.rows:,} rows, medians of {args.runs} runs in turns."
    )


def main():
    args = arguments()
    args.program, args.work = os.path.abspath(args.program), os.path.abspath(args.work)
    if args.spark and not shutil.which(args.spark):
        sys.exit(f"--spark {args.spark}: there is no such program")
    if not os.path.exists(args.program):
        sys.exit(f"{args.program} is not there: build it with `cargo build --release`, or name it with --program")
    os.makedirs(args.work, exist_ok=True)
    chosen = args.only.split(",") if args.only else [c[0] for c in COMPARISONS] + list(scenarios.ALL)
    ours = Millstream(args.program, args.work)
    out, rows = [machine(args), ""], []
    try:
        for comparison in COMPARISONS:
            if comparison[0] in chosen:
                rows += compare(args, ours, comparison)
        if rows:
            out += table(rows) + [""]
        for name, scenario in scenarios.ALL.items():
            if name in chosen:
                wait_for_idle()
                out += scenario(args, ours) + [""]
    except Failed as failed:
        sys.exit(str(failed))
    text = "\n".join(out)
    if args.out:
        with open(args.out, "w") as f:
            f.write(text)
    print(text)


if __name__ == "__main__":
    main()
