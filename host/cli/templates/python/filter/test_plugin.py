"""The logic, as plain Python: also for the debugger."""

from millstream_guest import testing

from plugin import MyPlugin


def test_great_values_are_kept() -> None:
    result = testing.run(MyPlugin, {"least": 2}, [{"value": 1.0}, {"value": 2.5}, {"value": None}])
    assert result.rows == [{"value": 2.5}]
