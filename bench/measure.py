"""What a process and its children cost: wall time, CPU time and memory, read from /proc (Linux)."""

import os
import subprocess
import threading
import time
from dataclasses import dataclass

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Cost:
    wall: float  # seconds
    cpu: float  # seconds, user and system, the whole tree
    memory: int  # bytes, the greatest sum of the tree's resident memory


def _tree(root):
    """The pids of `root` and all its descendants."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as f:
                parent = f.read().rsplit(")", 1)[1].split()[1]
        except OSError:
            continue
        children.setdefault(int(parent), []).append(int(name))
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue += children.get(pid, [])
    return found


def tree_cpu(root):
    """CPU seconds of `root` and its descendants, those that have ended included."""
    total = 0
    for pid in _tree(root):
        try:
            with open(f"/proc/{pid}/stat") as f:
                total += sum(map(int, f.read().rsplit(")", 1)[1].split()[11:15]))
        except OSError:
            pass
    return total / TICKS


def tree_memory(root):
    """Bytes of resident memory of `root` and its descendants."""
    total = 0
    for pid in _tree(root):
        try:
            with open(f"/proc/{pid}/statm") as f:
                total += int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            pass
    return total


class MemoryWatch:
    """The greatest memory of a tree between `start` and `stop`, looked at every so many seconds."""

    def __init__(self, root, every=0.05):
        self.root, self.every, self.peak = root, every, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._stop.wait(self.every):
            self.peak = max(self.peak, tree_memory(self.root))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


class Failed(Exception):
    """A process ended with an error; the text is what it said."""


def run(command, may_fail=False, stop_after=None, on_line=None):
    """Runs `command` to its end, or interrupts it after so many seconds: its cost and its standard error's lines.
    `on_line` is told of each line as it comes, with the process's pid.

    One process without children of its own: the kernel's own figures, which miss no peak."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if stop_after:
        threading.Timer(stop_after, lambda: process.send_signal(2)).start()
    lines = []
    for line in process.stderr:
        lines.append((time.monotonic() - started, line.rstrip("\n")))
        if on_line:
            on_line(process.pid, lines[-1][1])
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode and not may_fail:
        raise Failed(f"{' '.join(command)}: exit code {process.returncode}\n" + "\n".join(line for _, line in lines))
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024), lines
