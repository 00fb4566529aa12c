"""The logic, as plain Python: also for the debugger."""

from millstream_guest import testing

from plugin import MyPlugin

ROWS = [{"group": "a", "value": 2.0}, {"group": "a", "value": 4.0}, {"group": "b", "value": None}]


def test_each_group_has_its_mean() -> None:
    result = testing.aggregate(MyPlugin, {}, ROWS, by="group")
    assert result.rows == [{"group": "a", "mean": 3.0}, {"group": "b", "mean": None}]
    testing.aggregate_laws(MyPlugin, {}, ROWS, by="group")
