"""The logic, as plain Python: also for the debugger."""

from millstream_guest import testing

from plugin import MyPlugin

TYPES = {"user": "utf8", "at": "timestamp"}


def test_who_does_not_come_is_told_of() -> None:
    job = testing.KeyedJob(MyPlugin, {}, ["user"], TYPES)
    rows = [{"user": "ann", "at": 0}, {"user": "bob", "at": 5_000_000}, {"user": "ann", "at": 9_000_000}]
    assert job.epoch(rows).rows == []
    assert job.watermark(66_000_000).rows == [{"user": "bob", "at": 65_000_000, "rows": 1}]
