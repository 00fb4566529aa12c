"""The logic, as plain Python: also for the debugger."""

from millstream_guest import testing

from plugin import MyPlugin


def test_words_are_rows() -> None:
    result = testing.run(MyPlugin, {}, [{"text": "a rose is"}, {"text": None}, {"text": ""}])
    assert [row["word"] for row in result.rows] == ["a", "rose", "is"]
