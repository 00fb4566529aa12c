"""What `build.py` says of plugins that cannot be built; the build itself takes a toolchain and is not tried here."""

import pytest

import build

FINE = "from millstream_guest import filter_rows\n\n@filter_rows\ndef odd(n: int) -> bool:\n    return n % 2 == 1\n"


def wrong(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    with pytest.raises(build.Wrong) as caught:
        build.look(folder)
    return str(caught.value).replace(f"{folder}", "F")


@pytest.mark.parametrize(
    "files, message",
    [
        ({}, "F: there is no `plugin.py` in the plugin's folder"),
        ({"plugin": "\ndef f(:\n"}, "F/plugin.py:2: SyntaxError: invalid syntax\n    def f(:"),
        ({"plugin": "import helper\n", "helper": "x = 1\nif x\n"}, "F/helper.py:2: SyntaxError: expected ':'\n    if x"),
        ({"plugin": "x = 1\nimport nowhere\n"}, "F/plugin.py:2: no module `nowhere`"),
        ({"plugin": "def f():\n    return {}['a']\n\nf()\n"}, "F/plugin.py:2: KeyError: 'a'"),
        ({"plugin": "import sys\nsys.exit(3)\n"}, "F/plugin.py:2: SystemExit: 3"),
        ({"plugin": "x = 1\n"}, "F/plugin.py: it has no operator"),
        ({"plugin": "import pytest\n" + FINE}, "F/plugin.py:1: package `"),
    ],
)
def test_one_message_with_file_and_line(tmp_path, files, message):
    assert wrong(tmp_path, **files).startswith(message)


def test_what_is_printed_while_it_is_imported_is_in_nobodys_way(tmp_path):
    (tmp_path / "plugin.py").write_text("print('hello')\n" + FINE)
    assert build.look(tmp_path) == ["filter"]


def test_the_smallest_world_is_taken():
    assert build.world_of(["flat-map"]) == "flat-map-operator"
    assert build.world_of(["filter", "map"]) == "operators"
    assert 'Migration = _classes["Migration"]' in build.entry("keyed-operator")
    assert "Migration" not in build.entry("map-operator")


def test_tracebacks_of_the_sandbox_are_told_in_a_line(tmp_path):
    output = (
        'Traceback (most recent call last):\n  File "/venv/bin/componentize-py", line 8, in <module>\n'
        'AssertionError: Traceback (most recent call last):\n  File "/0/more/other.py", line 2, in f\n    import ssl\n'
        '  File "/python/ssl.py", line 100, in <module>\n    import _ssl\n'
        "ModuleNotFoundError: No module named '_ssl'\n\n\nCaused by:\n    ModuleNotFoundError: …\n"
    )
    told = build.explained(tmp_path, output)
    assert told.startswith(f"{tmp_path}/more/other.py:2: no module `_ssl` in the sandbox's Python")
