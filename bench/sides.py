"""The two sides of a comparison, each as something that can run a job once."""

import json
import os
import shutil
import subprocess
import sys
import time

from measure import Cost, Failed, MemoryWatch, run, tree_cpu

HERE = os.path.dirname(os.path.abspath(__file__))


class Millstream:
    """The program, started anew for each run: its start, its end and its plugins' loading are in the figures."""

    def __init__(self, program, work):
        self.program, self.work = program, work

    def command(self, job, *arguments, sets=(), prefix=(), fresh=True):
        state = f"{self.work}/state/{job}"
        if fresh:
            shutil.rmtree(state, ignore_errors=True)
            shutil.rmtree(f"{self.work}/out/{job}", ignore_errors=True)
        sets = [f"checkpoint={state}", f"sink.out.path={self.work}/out/{job}", *sets]
        changes = [argument for change in sets for argument in ("--set", change)]
        return [*prefix, self.program, "run", f"{HERE}/jobs/{job}.toml", "--progress", "json", *changes, *arguments]

    def run(self, job, inputs, one_core=False):
        """One run from nothing, `inputs` being changes to the job that name its files: its cost, and how many rows it read."""
        prefix = ("taskset", "-c", "0") if one_core else ()
        cost, lines = run(self.command(job, sets=inputs, prefix=prefix))
        return cost, summary(lines)["rows_in"]

    def check(self, job, *changes):
        """Builds the job's plugins, so that no run is charged for it."""
        sets = [argument for change in changes for argument in ("--set", change)]
        run([self.program, "check", f"{HERE}/jobs/{job}.toml", *sets])


def progress(lines):
    """The objects among the lines of `--progress json`, each with the seconds since the start."""
    return [(at, json.loads(line)) for at, line in lines if line.startswith("{")]


def summary(lines):
    for _, line in progress(lines):
        if "summary" in line:
            return line["summary"]
    raise Failed("the run ended without a summary:\n" + "\n".join(line for _, line in lines))


class Spark:
    """A JVM that runs one job again and again."""

    def __init__(self, python, job, data, work, cores, memory="4g"):
        environment = dict(os.environ, PYSPARK_PYTHON=python, PYTHONDONTWRITEBYTECODE="1")
        command = [python, f"{HERE}/spark.py", job, data, f"{work}/spark", str(cores), memory]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        self.version = self._answer()["spark"]

    def run(self):
        """One run: its cost, and how many rows it read."""
        pid = self.process.pid
        with MemoryWatch(pid) as memory:
            before = tree_cpu(pid)
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            answer = self._answer()
            cpu = tree_cpu(pid) - before
        return Cost(answer["seconds"], cpu, memory.peak), answer["rows"]

    def _answer(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise Failed("Spark ended:\n" + self.process.stderr.read())

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


def wait_for_idle(most=0.3, seconds=20):
    """Waits until the machine does little else, but not for ever; says so if it does."""
    until = time.monotonic() + seconds
    while busy() > most and time.monotonic() < until:
        pass
    if (now := busy()) > most:
        print(f"the machine is busy with other things ({now:.1f} cores): read ratios, not figures", file=sys.stderr)


def busy():
    """Cores in use over half a second."""

    def used():
        with open("/proc/stat") as f:
            fields = list(map(int, f.readline().split()[1:]))
        return sum(fields[:3]) + sum(fields[5:8])

    before = used()
    time.sleep(0.5)
    return (used() - before) / os.sysconf("SC_CLK_TCK") / 0.5
