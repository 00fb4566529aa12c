"""The logic, as plain Python: also for the debugger."""

from millstream_guest import testing

from plugin import MyPlugin


def test_values_are_scaled() -> None:
    result = testing.run(MyPlugin, {"factor": 3}, [{"value": 1.0}, {"value": None}])
    assert result.rows == [{"value": 1.0, "scaled": 3.0}, {"value": None, "scaled": None}]
