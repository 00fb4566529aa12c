"""Tells of each key that has not come for a while how many rows it had."""

from collections.abc import Sequence

from millstream_guest import Config, Field, Key, Keyed, KeyedOutput, KeyState, Out, Rows, Schema, Timer, Timers, operator


@operator
class MyPlugin(Keyed):
    """Tells of each key that has not come for a while how many rows it had"""

    def bind(self, config: Config, input: Schema, key: Sequence[Field]) -> KeyedOutput:
        self.at = input.column("at").timestamp()
        self.away = 1_000_000 * config.get_int("away_seconds", 60)
        # What is kept of a key is the same, whenever it counts as gone.
        return KeyedOutput(
            [Field("at", "timestamp"), Field("rows", "uint64")], event_time="at", adjustable=["away_seconds"]
        )

    def on_rows(self, key: Key, rows: Rows, state: KeyState, out: Out, timers: Timers) -> None:
        seen = state.get() or {"rows": 0, "last": 0}
        times = [time for time in rows[self.at] if time is not None]
        seen = {"rows": seen["rows"] + len(rows), "last": max([seen["last"], *times])}
        state.set(seen)
        timers.set(0, seen["last"] + self.away)

    def on_timer(self, key: Key, timer: Timer, state: KeyState, out: Out, timers: Timers) -> None:
        seen = state.get()
        if seen is not None:
            out.push(timer.at, seen["rows"])
        state.remove()
