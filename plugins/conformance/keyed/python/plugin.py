"""The conformance keyed operator: see `plugins/conformance/README.md`."""

from collections.abc import Sequence

from millstream_guest import (
    Config,
    Field,
    Key,
    Keyed,
    KeyedOutput,
    KeyState,
    Out,
    Problem,
    Rows,
    Schema,
    Timer,
    Timers,
    operator,
)

LAST = (1 << 63) - 1


@operator("visits")
class Visits(Keyed):
    """Counts the rows of each key, and says when it has gone"""

    config_schema = {
        "type": "object",
        "properties": {"time": {"type": "string"}, "gap_seconds": {"type": "integer", "minimum": 1}},
        "required": ["time"],
    }
    takes = [("<time>", "timestamp", "when the row came")]
    makes = [
        ("at", "timestamp", "the latest time of the key, or when it has gone"),
        ("what", "text", "`seen` or `gone`"),
        ("count", "int64", "how many rows the key has had"),
    ]
    state_version = 1

    def bind(self, config: Config, input: Schema, key: Sequence[Field]) -> KeyedOutput:
        self.time = input.column(config.text("time")).timestamp()
        gap = config.get_int("gap_seconds", 60)
        if not 1 <= gap <= 1_000_000_000:
            raise Problem("1 to 1000000000 seconds are needed", key="gap_seconds")
        self.gap = gap * 1_000_000
        output = [
            Field("at", "timestamp", nullable=False),
            Field("what", "utf8", nullable=False),
            Field("count", "int64", nullable=False),
        ]
        return KeyedOutput(output, event_time="at", adjustable=["gap_seconds"])

    def on_rows(self, key: Key, rows: Rows, state: KeyState, out: Out, timers: Timers) -> None:
        kept = state.get()
        seen = False
        for row, time in enumerate(rows[self.time]):
            if time is None:
                out.reject(row, "no time")
                continue
            seen = True
            kept = (
                {"count": 1, "last": time} if kept is None else {"count": kept["count"] + 1, "last": max(kept["last"], time)}
            )
            out.push(kept["last"], "seen", kept["count"])
        if seen and kept is not None:
            state.set(kept)
            timers.set(0, min(kept["last"] + self.gap, LAST))

    def on_timer(self, key: Key, timer: Timer, state: KeyState, out: Out, timers: Timers) -> None:
        kept = state.get()
        if kept is not None:
            out.push(timer.at, "gone", kept["count"])
            state.remove()
