#!/usr/bin/env python3
"""Builds a plugin's folder to a component: `build.py FOLDER [-o NAME.wasm]`.

The folder has `plugin.py` and whatever modules that imports. Beside Python 3.11 or later, `componentize-py` of the version
below is needed, on the path or in the environment of this Python. What is wrong with the plugin is told in one message with
its file and line; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

COMPONENTIZE = "0.25.1"
HERE = Path(__file__).resolve().parent
WIT = HERE.parent.parent / "wit"
ENTRY = "millstream_entry"
# The smallest world that exports a component's kinds.
WORLDS = {
    ("filter",): "filter-operator",
    ("map",): "map-operator",
    ("flat-map",): "flat-map-operator",
    ("aggregate",): "aggregate-operator",
    ("keyed",): "keyed-operator",
}

# Imports the plugin by the Python that runs this, and tells which kinds it has or what is wrong, as JSON. In a process of its
# own, since a plugin may do anything while it is imported.
LOOK = r"""
import ast, json, os, sys, sysconfig, traceback
project, sdk = sys.argv[1:3]
sys.path[:0] = [project, sdk]
sys.dont_write_bytecode = True
tell, sys.stdout = sys.stdout, sys.stderr

def end(**answer):
    print(json.dumps(answer), file=tell, flush=True)
    os._exit(0)

def at(error):
    frames = [f for f in traceback.extract_tb(error.__traceback__) if os.path.abspath(f.filename).startswith(project + os.sep)]
    return (os.path.relpath(frames[-1].filename, project), frames[-1].lineno) if frames else ("plugin.py", None)

try:
    import plugin
    from millstream_guest.registry import REGISTERED
except SyntaxError as error:
    inside = error.filename and os.path.abspath(error.filename).startswith(project + os.sep)
    file = os.path.relpath(error.filename, project) if inside else "plugin.py"
    end(file=file, line=error.lineno, message=f"{type(error).__name__}: {error.msg}", code=(error.text or "").strip())
except ModuleNotFoundError as error:
    file, line = at(error)
    if error.name == "plugin":
        end(file="plugin.py", line=None, message="there is no such file in the plugin's folder")
    where = "it is neither a module of the plugin's folder nor of Python's standard library; other packages are copied into it"
    end(file=file, line=line, message=f"no module `{error.name}`: {where}")
except BaseException as error:
    file, line = at(error)
    end(file=file, line=line, message=f"{type(error).__name__}: {error}")

def imported(package):
    for folder, _, files in sorted(os.walk(project)):
        for name in sorted(files):
            if name.endswith(".py") and package not in os.path.relpath(folder, project).split(os.sep):
                file = os.path.join(folder, name)
                for node in ast.walk(ast.parse(open(file, "rb").read())):
                    names = [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                    if any(one.partition(".")[0] == package for one in names):
                        return os.path.relpath(file, project), node.lineno
    return "plugin.py", None

# A module of native code works here and not in the sandbox, and other packages are not taken along. What is told is the
# one that the plugin imports, and not what that imports in turn.
library = sysconfig.get_path("stdlib")
site = tuple(os.path.join(sysconfig.get_path(p), "") for p in ("purelib", "platlib"))
ours = ("_distutils_hack", "millstream_guest", "__editable__", "sitecustomize")
native, installed = {}, {}
for name, module in sorted(sys.modules.items()):
    file = getattr(module, "__file__", None) or ""
    package = name.partition(".")[0]
    if file.endswith((".so", ".pyd", ".dylib")) and (file.startswith(site) or not file.startswith(library)):
        native.setdefault(package, f"has native code ({name}), which does not run in a component")
    elif file.startswith(site) and not package.startswith(ours):
        installed.setdefault(package, "is installed here and is not in the plugin's folder: copy it into it")
for found in (native, installed):
    if found:
        places = {package: imported(package) for package in found}
        package = min(found, key=lambda package: places[package][1] is None)
        file, line = places[package]
        end(file=file, line=line, message=f"package `{package}` {found[package]}")
end(kinds=sorted({entry.operator.kind for entry in REGISTERED.values()}), names=list(REGISTERED))
"""


class Wrong(Exception):
    """What has to be mended, in one message."""


def look(project: Path) -> list[str]:
    """The kinds of the plugin's operators."""
    if not (project / "plugin.py").is_file():
        raise Wrong(f"{project}: there is no `plugin.py` in the plugin's folder")
    told = subprocess.run(
        [sys.executable, "-c", LOOK, str(project), str(HERE)], stdout=subprocess.PIPE, text=True, check=False
    )
    try:
        answer = json.loads(told.stdout)
    except ValueError:
        raise Wrong(f"{project / 'plugin.py'}: it ends the interpreter while it is imported") from None
    if "message" in answer:
        place = str(project / answer["file"]) + (f":{answer['line']}" if answer["line"] else "")
        code = f"\n    {answer['code']}" if answer.get("code") else ""
        raise Wrong(f"{place}: {answer['message']}{code}")
    if not answer["kinds"]:
        raise Wrong(f"{project / 'plugin.py'}: it has no operator: put `@operator` before a class")
    return list(answer["kinds"])


def world_of(kinds: list[str]) -> str:
    """The smallest world that exports these kinds."""
    return WORLDS.get(tuple(kinds), "operators")


def entry(world: str) -> str:
    """The module that the component begins with: the classes of the world's exports."""
    names = {
        "filter-operator": ["Filter"],
        "map-operator": ["Map"],
        "flat-map-operator": ["FlatMap"],
        "aggregate-operator": ["Aggregate", "Migration"],
        "keyed-operator": ["Keyed", "Migration"],
        "operators": ["Filter", "Map", "FlatMap", "Aggregate", "Keyed", "Migration"],
    }[world]
    lines = ["import plugin", "from millstream_guest import component", "_classes = component.classes()"]
    return "\n".join([*lines, *(f'{name} = _classes["{name}"]' for name in ["Catalog", *names])]) + "\n"


def componentize() -> list[str]:
    """The command, in the version that this SDK is tried with."""
    beside = Path(sys.executable).with_name("componentize-py")
    command = str(beside) if beside.exists() else shutil.which("componentize-py")
    hint = f"pip install componentize-py=={COMPONENTIZE}"
    if command is None:
        raise Wrong(f"componentize-py is not installed: {hint}")
    said = subprocess.run([command, "--version"], capture_output=True, text=True, check=False).stdout.split()
    if said[-1:] != [COMPONENTIZE]:
        raise Wrong(f"componentize-py is of version {' '.join(said[-1:]) or 'unknown'}: {hint}")
    return [command]


def build(project: Path, out: Path) -> None:
    """Makes the component."""
    kinds = look(project)
    world = world_of(kinds)
    command = componentize()
    with tempfile.TemporaryDirectory(prefix="millstream-") as folder:
        # One copy of all there is, so that paths in the component are those of the plugin's folder.
        staged = Path(folder) / "plugin"
        unwanted = shutil.ignore_patterns(
            "__pycache__", ".*", "*.wasm", "tests", "test_*.py", "conftest.py", "venv", "build", "cases", "wit", "millstream-sdk"
        )
        shutil.copytree(project, staged, ignore=unwanted)
        sdk = Path(folder) / "sdk"
        shutil.copytree(
            HERE / "millstream_guest", sdk / "millstream_guest", ignore=shutil.ignore_patterns("__pycache__", "testing")
        )
        (sdk / f"{ENTRY}.py").write_text(entry(world))
        made = Path(folder) / "made.wasm"
        arguments = ["-d", str(WIT), "-w", world, "componentize", ENTRY, "-p", str(staged), "-p", str(sdk), "-o", str(made)]
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "RUST_BACKTRACE": "0"}
        ran = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, env=environment)
        if ran.returncode != 0 or not made.exists():
            raise Wrong(explained(project, ran.stdout + ran.stderr))
        shutil.move(made, out)


def explained(project: Path, output: str) -> str:
    """What componentize-py says, without its own innards: it is the traceback of the sandbox's Python, or a word of its own.

    Of the two folders that modules are found in, the plugin's is `/0` there.
    """
    told = output.rpartition("AssertionError: ")[2].partition("\n\nCaused by")[0].strip()
    lines = told.splitlines() or ["componentize-py failed and says nothing"]
    places = re.findall(r'^  File "/0/(.*)", line (\d+)', told, re.MULTILINE)
    if not places:
        return f"{project / 'plugin.py'}: {told if len(lines) < 30 else lines[-1]}"
    file, line = places[-1]
    message = lines[-1]
    if missing := re.fullmatch(r"ModuleNotFoundError: No module named '(.*)'", message):
        message = f"no module `{missing[1]}` in the sandbox's Python: this part of the standard library does not work there"
    return f"{project / file}:{line}: {message}"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Builds a Millstream plugin in Python to a component.")
    parser.add_argument("folder", type=Path, help="the plugin's folder, with `plugin.py`")
    parser.add_argument("-o", "--out", type=Path, help="the component; without it FOLDER/NAME.wasm")
    arguments = parser.parse_args()
    project = arguments.folder.resolve()
    out = arguments.out or project / f"{project.name}.wasm"
    try:
        build(project, out.resolve())
    except Wrong as wrong:
        print(f"error: {wrong}", file=sys.stderr)
        return 1
    print(f"{out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
