#!/usr/bin/env python3
"""What a row costs in operators in Python: `bench.py --millstream PROGRAM [--rows N]`.

Each job reads the same rows of a CSV file, sends them through an operator and counts them. Its CPU time less that of the job
without the operator is the operator's, copies in and out included. From both the time with a hundredth of the rows is
taken off, so that the start of the program and of the component's instances does not count. Of five runs the least counts,
since the machine may do other things too; a first run, which compiles the component, is not counted.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import build

HERE = Path(__file__).resolve().parent
CONFORMANCE = HERE.parent.parent / "plugins" / "conformance"
JOB = """
name = "bench"
trigger = "available-now"

[source.rows]
path = "{rows}.csv"
format = "csv"
header = true
schema = {{ line = "utf8", n = "int64", x = "float64" }}
{plugin}
[operator.count]
sql = "SELECT count(*) AS rows{columns} FROM {of}"
output_mode = "complete"

[sink.console]
input = "count"
"""
PLUGIN = """
[plugin.p]
path = "{wasm}"
limits = {{ memory = "256MiB", time = "10s" }}

[operator.o]
input = "rows"
plugin = "p.{name}"
with = {{ {given} }}
"""
PATHS = ["/admin", "/index", "/about", "/blog1", "/blog2", "/blog3", "/cart1", "/cart2", "/help1", "/help2"]
# What is measured: the operator, the folder of its plugin, its configuration, and the columns that the count reads.
CASES = [
    (
        "text filter, contains, a hit in 1 of 10",
        "contains",
        CONFORMANCE / "filter" / "python",
        'column = "line", text = "/admin"',
        "",
    ),
    ("the same as a function of a row", "keep", HERE / "bench", "", ""),
    ("int64 map, plus", "plus", CONFORMANCE / "map" / "python", 'column = "n", plus = 12345', ", max(sum) AS most"),
    ("float64 map, plus", "plus", CONFORMANCE / "map" / "python", 'column = "x", plus = 0.5', ", max(sum) AS most"),
    ("int64 map, as a function of a row", "add", HERE / "bench", "", ", max(total) AS most"),
    ("flat-map, words, 6 a row", "words", CONFORMANCE / "flat-map" / "python", 'column = "line"', ""),
]


def seconds(program: str, folder: Path, job: str, rows: int) -> float:
    """The CPU time of the job with so many rows."""
    (folder / "job.toml").write_text(job.replace("ROWS", str(rows)))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([program, "run", "job.toml"], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def least(program: str, folder: Path, job: str, rows: int) -> float:
    """What the rows take beyond a hundredth of them."""
    seconds(program, folder, job, rows // 100)
    most = min(seconds(program, folder, job, rows) for _ in range(5))
    return most - min(seconds(program, folder, job, rows // 100) for _ in range(5))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measures operators in Python.")
    parser.add_argument("--millstream", default="millstream", help="the program")
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    rng = random.Random(0)
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as name:
        folder = Path(name)
        rows = arguments.rows
        lines = []
        for _ in range(rows):
            n = rng.getrandbits(40)
            lines.append(f"GET {rng.choice(PATHS)} HTTP/1.1 200 {n % 1000:03} {n:012x},{n},{rng.random()}\n")
        for some in (rows, rows // 100):
            (folder / f"{some}.csv").write_text("line,n,x\n" + "".join(lines[:some]))
        made: dict[Path, Path] = {}
        base: dict[str, float] = {}
        for label, operator, project, given, columns in CASES:
            if project not in made:
                made[project] = folder / f"{len(made)}.wasm"
                build.build(project, made[project])
            plain = columns.replace("sum", "n").replace("total", "n")
            if plain not in base:
                job = JOB.format(rows="ROWS", plugin="", of="rows", columns=plain)
                base[plain] = least(arguments.millstream, folder, job, rows)
            plugin = PLUGIN.format(wasm=made[project], name=operator, given=given)
            job = JOB.format(rows="ROWS", plugin=plugin, of="o", columns=columns)
            took = least(arguments.millstream, folder, job, rows) - base[plain]
            print(f"{label:45} {took / (rows - rows // 100) * 1e9:8.0f} ns a row", flush=True)


if __name__ == "__main__":
    sys.exit(main())
