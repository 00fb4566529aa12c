"""Keyed operators, in the testing driver."""

import pytest

from millstream_guest import Clock, Field, Keyed, KeyedOutput, Problem, raw, testing

MINUTE = 60_000_000
TYPES = {"user": "utf8", "at": "timestamp"}


class Visits(Keyed):
    """A row for each visit: it is over when no click has come for ten minutes"""

    def bind(self, config, input, key):
        self.at = input.column("at").timestamp()
        output = [Field("clicks", "uint64"), Field("over", "timestamp")]
        return KeyedOutput(output, event_time="over", late_rows_aside=True)

    def on_rows(self, key, rows, state, out, timers):
        for row, at in enumerate(rows[self.at]):
            if at is None:
                out.reject(row, "a click without a time")
                continue
            visit = state.get() or {"clicks": 0, "last": at}
            visit = {"clicks": visit["clicks"] + 1, "last": max(visit["last"], at)}
            state.set(visit)
            timers.set(0, visit["last"] + 10 * MINUTE)

    def on_timer(self, key, timer, state, out, timers):
        out.push(state.get()["clicks"], timer.at)
        state.remove()


def visits(**more):
    return testing.KeyedJob(Visits, {}, ["user"], TYPES, event_time="at", **more)


CLICKS = {"user": ["ann", "bob", "ann", None], "at": [0, MINUTE, 5 * MINUTE, None]}


def test_visits_end_by_their_timers():
    job = visits()
    first = job.epoch(CLICKS, watermark=-1)
    assert first.rows == [] and first.rejects == [(3, "a click without a time")]
    assert job.state("ann") == {"clicks": 2, "last": 5 * MINUTE}
    assert job.timers("ann") == {0: 15 * MINUTE}
    assert job.watermark(12 * MINUTE).rows == [{"user": "bob", "clicks": 1, "over": 11 * MINUTE}]
    late = job.epoch({"user": ["eve"], "at": [MINUTE]})
    assert late.late == [0] and job.keys() == [("ann",)]
    assert job.watermark(15 * MINUTE).rows == [{"user": "ann", "clicks": 2, "over": 15 * MINUTE}]
    assert job.keys() == []
    testing.keyed_laws(Visits, {}, ["user"], CLICKS, TYPES, event_time="at")


def test_a_row_for_each_call_breaks_the_law():
    class Counts(Keyed):
        def bind(self, config, input, key):
            return KeyedOutput([Field("rows", "int64")])

        def on_rows(self, key, rows, state, out, timers):
            state.set(state.get(0) + len(rows))
            out.push(state.get())

    with pytest.raises(AssertionError, match="in calls of 1"):
        testing.keyed_laws(Counts, {}, ["user"], {"user": ["ann", "ann", "bob"]}, {"user": "utf8"})


class Devices(Keyed):
    """Tells of a device that an account has not been seen with; `*` signs all of them out"""

    def bind(self, config, input, key):
        self.device = input.column("device").text()
        return KeyedOutput([Field("device", "utf8"), Field("logins", "int64")], values=["logins"], maps=["devices"])

    def needs(self, key, rows, state, wanted):
        for device in rows[self.device]:
            if device == "*":
                wanted.all(state.map("devices"))
            elif device != "unasked":
                wanted.entry(state.map("devices"), device)

    def on_rows(self, key, rows, state, out, timers):
        logins, devices = state.value("logins"), state.map("devices")
        for device in rows[self.device]:
            if device == "*":
                devices.clear()
                continue
            if logins.get(0) > 0 and device not in devices:
                out.push(device, logins.get())
            logins.set(logins.get(0) + 1)
            devices.set(device, logins.get())


def test_maps_have_the_entries_that_were_asked_for():
    types = {"account": "utf8", "device": "utf8"}
    job = testing.KeyedJob(Devices, {}, ["account"], types)
    rows = {"account": ["ann", "bob", "ann", "ann"], "device": ["phone", "phone", "phone", "laptop"]}
    assert job.epoch(rows).rows == [{"account": "ann", "device": "laptop", "logins": 2}]
    assert job.entries("devices", "ann") == {"phone": 2, "laptop": 3}
    assert job.epoch({"account": ["ann"], "device": ["phone"]}).rows == []
    job.epoch({"account": ["ann", "bob"], "device": ["*", "tablet"]})
    assert job.entries("devices", "ann") == {} and job.state("ann", name="logins") == 4
    assert job.entries("devices", "bob") == {"phone": 1, "tablet": 2}
    with pytest.raises(testing.Failed) as caught:
        job.epoch({"account": ["bob"], "device": ["unasked"]})
    assert caught.value.message == "an entry of `devices` is looked at that `needs` did not ask for"
    assert (caught.value.about.kind, caught.value.about.number) == ("key", 0)


class Count(Keyed):
    """How many rows each key has had; version 1 kept the number as a text"""

    state_version = 2

    def bind(self, config, input, key):
        if key[0].name == "rows":
            raise Problem("no such key")
        return KeyedOutput([Field("rows", "uint64", nullable=False)], adjustable=["limit"])

    def on_rows(self, key, rows, state, out, timers):
        state.set(state.get(0) + len(rows))
        out.push(state.get())
        timers.set(1, timers.now + 5, Clock.PROCESSING_TIME)

    def on_timer(self, key, timer, state, out, timers):
        assert timer.clock is Clock.PROCESSING_TIME and key["user"] == key[0]
        timers.clear(2)
        out.push(1000 + timer.tag)

    def migrate(self, from_version, stored):
        return {"state": int(stored["state"])}


def test_states_of_an_older_version_are_brought_over():
    job = testing.KeyedJob(Count, {}, ["user"], {"user": "utf8"})
    job.store(1, ("ann",), state="40")
    assert job.epoch({"user": ["ann", "ann"]}, now=10).rows == [{"user": "ann", "rows": 42}]
    assert job.epoch([], now=14).rows == []
    assert job.epoch([], now=15).rows == [{"user": "ann", "rows": 1001}]
    assert job.epoch([], now=16).rows == []


def test_a_state_that_cannot_be_read_stops_the_job():
    job = testing.KeyedJob(Count, {}, ["user"], {"user": "utf8"})
    job.epoch({"user": ["ann", "bob"]})
    job._kept["bob",].values["state"] = b"\xff"
    with pytest.raises(testing.Failed) as caught:
        job.epoch({"user": ["ann", "bob"]})
    assert (caught.value.about.kind, caught.value.about.number) == ("state", 1)
    assert "cannot be read: no value begins with 0xff" in caught.value.message


def test_a_key_that_has_the_name_of_an_output_is_refused():
    with pytest.raises(testing.Failed, match="the key has one of that name"):
        testing.KeyedJob(Visits, {}, ["clicks"], TYPES | {"clicks": "utf8"})


def test_bytes_may_be_kept_as_they_are():
    class Last(Keyed):
        def bind(self, config, input, key):
            self.v = input.column("v").binary()
            return KeyedOutput([], codec=raw)

        def on_rows(self, key, rows, state, out, timers):
            state.set(rows[self.v][-1])

    job = testing.KeyedJob(Last, {}, ["user"], {"user": "utf8", "v": "binary"})
    job.epoch({"user": ["ann", "ann"], "v": [b"\0", b"\xff"]})
    assert job._kept["ann",].values == {"state": b"\xff"} and job.state("ann") == b"\xff"
