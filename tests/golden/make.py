#!/usr/bin/env python3
"""Writes the inputs of the golden jobs beside this file, and the rows that must come of them, worked out here from the
rules alone: nothing of the engine is run. A job's query stands in its own job.toml.

    python3 make.py
"""
import gzip, json, math, os, random, statistics
from datetime import datetime, timedelta, timezone

HERE = os.path.dirname(os.path.abspath(__file__))
T0 = datetime(2026, 3, 1, 9, tzinfo=timezone.utc)


def show(t):
    return None if t is None else t.isoformat(timespec="milliseconds" if t.microsecond else "seconds").replace("+00:00", "Z")


def write(case, name, rows):
    path = f"{HERE}/{case}/{name}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    text = "".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows)
    if name.endswith(".gz"):
        with open(path, "wb") as f:
            f.write(gzip.compress(text.encode(), mtime=0))
    else:
        with open(path, "w") as f:
            f.write(text)


def page_hits():
    hits = {}
    for part in (0, 1):
        for line in open(f"{HERE}/page-hits/input/part-{part}.log"):
            for word in line.rstrip("\n").split(" "):
                if "/" in word:
                    hits[word] = hits.get(word, 0) + 1
    write("page-hits", "expected.jsonl", [{"page": p, "count": n} for p, n in hits.items()])


def aggregates():
    """Every aggregate that is exact, over four epochs; group c has nulls only."""
    rng = random.Random(1)
    files, rows = [], []
    for n in range(60):
        k = rng.choice("aabbbc")
        null = k == "c" or rng.random() < 0.2
        rows.append({"k": k, "n": n, "i": None if null else rng.randrange(-50, 50), "x": None if null else rng.randrange(-400, 400) / 8,
                     "s": None if null else rng.choice(["tea", "coffee", "water", "juice"]), "b": None if null else rng.random() < 0.7})
    rng.shuffle(rows)
    for e in range(4):
        files.append(rows[e * 15:(e + 1) * 15])
        write("aggregates", f"input/part-{e}.json", files[e])
    out = []
    for k in "abc":
        g = [r for r in rows if r["k"] == k]
        some = lambda c: [r[c] for r in g if r[c] is not None]
        i, x, s, b = some("i"), some("x"), some("s"), some("b")
        by_n = sorted(g, key=lambda r: r["n"])
        out.append({
            "k": k, "rows": len(g), "n_i": len(i), "kinds": len(set(s)), "sum_i": sum(i) if i else None, "sum_x": sum(x) if x else None,
            "avg_i": sum(i) / len(i) if i else None, "avg_x": sum(x) / len(x) if x else None, "min_i": min(i, default=None),
            "max_i": max(i, default=None), "min_s": min(s, default=None), "max_x": max(x, default=None),
            "sd": statistics.stdev(x) if len(x) > 1 else None, "sd_pop": statistics.pstdev(x) if x else None,
            "var": statistics.variance(x) if len(x) > 1 else None, "var_pop": statistics.pvariance(x) if x else None,
            "all_b": all(b) if b else None, "any_b": any(b) if b else None, "first_s": by_n[0]["s"], "last_s": by_n[-1]["s"],
            "first_n": by_n[0]["n"], "as_they_came": [r["n"] for r in g], "in_order": [r["n"] for r in reversed(by_n)],
            "large": sum(1 for r in g if r["i"] is not None and r["i"] > 10),
            "large_sum": sum(v for v in i if v > 10) if any(v > 10 for v in i) else None,
            "sum_of_twice": sum(2 * v + 1 for v in i) if i else None,
        })
    write("aggregates", "expected.jsonl", out)


def expressions():
    rng = random.Random(2)
    rows = [{"id": n, "url": rng.choice(["/Shop/tea", "/shop/coffee", "/blog/x-y", "/", None]), "ts": show(T0 + timedelta(seconds=rng.randrange(20000))),
             "bytes": rng.choice([None, *range(0, 5000, 7)]), "price": f"{rng.randrange(1, 9999) / 100:.2f}"} for n in range(40)]
    write("expressions", "input/part-0.json", rows[:25])
    write("expressions", "input/part-1.json.gz", rows[25:])
    out = []
    for r in rows:
        if r["bytes"] is None or r["bytes"] % 2 == 1:
            continue
        t = datetime.fromisoformat(r["ts"].replace("Z", "+00:00"))
        parts = None if r["url"] is None else r["url"].split("/")
        out.append({
            "id": r["id"], "upper": r["url"] and r["url"].upper(), "section": None if parts is None else parts[1].lower(),
            "size": "none" if r["bytes"] == 0 else "small" if r["bytes"] < 1000 else "large", "kib": r["bytes"] // 1024,
            "hour": show(t.replace(minute=0, second=0)), "minute": t.minute, "cents": round(float(r["price"]) * 100),
            "label": f"{r['url'] or '?'}#{r['id']}", "length": None if r["url"] is None else len(r["url"]), "shop": r["url"] is not None and r["url"].lower().startswith("/shop"),
            "half": r["bytes"] / 2,
        })
    write("expressions", "expected.jsonl", out)


def events(seed, files, per_file, spread):
    """Files of events whose times go on by about a minute a file, out of order by up to `spread` seconds."""
    rng = random.Random(seed)
    out, n = [], 0
    for f in range(files):
        rows = []
        for _ in range(per_file):
            t = T0 + timedelta(seconds=60 * f + rng.randrange(60) - (rng.randrange(spread) if rng.random() < 0.5 else 0))
            rows.append({"id": n, "url": rng.choice(["/", "/a", "/b"]), "ts": show(t), "bytes": rng.randrange(100)})
            n += 1
        out.append(rows)
    return out


def windows(t, size, slide, offset):
    """All [start, end) that cover t, in seconds since 1970."""
    t = t.timestamp()
    start = math.floor((t - offset) / slide) * slide + offset
    found = []
    while start > t - size:
        found.append((start, start + size))
        start -= slide
    return found


def windowed(case, size, slide, offset, delay, mode, files):
    """Rows of count(*) and sum(bytes) per window and url; the rows that are late for all of their windows."""
    at = lambda s: show(datetime.fromtimestamp(s, timezone.utc))
    for e, rows in enumerate(files):
        write(case, f"input/part-{e}.json", rows)
    top, late, close = None, -math.inf, -math.inf
    state, out, too_late = {}, [], []
    epochs = list(files)
    while epochs or close > late:
        rows = epochs.pop(0) if epochs else []
        touched = {}
        for r in rows:
            t = datetime.fromisoformat(r["ts"].replace("Z", "+00:00"))
            all_of = windows(t, size, slide, offset)
            mine = [w for w in all_of if mode == "complete" or w[1] > late]
            if not mine:
                too_late.append(r)
            for w in mine:
                n, b = state.get((w, r["url"]), (0, 0))
                touched[w, r["url"]] = state[w, r["url"]] = (n + 1, b + r["bytes"])
            top = max(top or t.timestamp(), t.timestamp())
        done = [k for k in state if k[0][1] <= close] if mode != "complete" else []
        out += [(k, state[k]) for k in (done if mode == "append" else touched if mode == "update" else [])]
        for k in done:
            del state[k]
        late, close = close, max(close, top - delay)
    if mode == "complete":
        out = list(state.items())
    if mode == "update":
        out = list(dict(out).items())
    write(case, "expected.jsonl", [{"start": at(w[0]), "end": at(w[1]), "url": u, "views": n, "bytes": b} for (w, u), (n, b) in out])
    if mode != "complete":
        write(case, "late.jsonl", too_late)


def top_pages():
    files = events(5, 4, 30, 30)
    count, size = {}, {}
    for e, rows in enumerate(files):
        write("top-pages", f"input/part-{e}.json", rows)
        for r in rows:
            key = f"{r['url']}?{r['id'] % 4}"
            count[key] = count.get(key, 0) + 1
            size[key] = size.get(key, 0) + r["bytes"]
    ranked = sorted((k for k in count if count[k] > 6), key=lambda k: (-size[k], k))
    write("top-pages", "expected.jsonl", [{"page": k, "views": count[k], "kb": size[k] / 1000} for k in ranked[1:5]])


def by_event_time():
    """GROUP BY the event-time column itself: a group closes when the watermark has reached its time."""
    files = events(6, 5, 25, 250)
    top, late, close, state, out, too_late = None, -math.inf, -math.inf, {}, [], []
    for e, rows in enumerate(files):
        write("by-event-time", f"input/part-{e}.json", rows)
    epochs = list(files)
    while epochs or close > late:
        for r in epochs.pop(0) if epochs else []:
            t = datetime.fromisoformat(r["ts"].replace("Z", "+00:00")).timestamp()
            if t > late:
                state[t, r["url"]] = state.get((t, r["url"]), 0) + 1
            else:
                too_late.append(r)
            top = max(top or t, t)
        for k in sorted(k for k in state if k[0] <= close):
            out.append({"ts": show(datetime.fromtimestamp(k[0], timezone.utc)), "url": k[1], "n": state.pop(k)})
        late, close = close, max(close, top - 10)
    write("by-event-time", "expected.jsonl", out)
    write("by-event-time", "late.jsonl", too_late)


page_hits()
aggregates()
expressions()
windowed("tumbling-append", 60, 60, 0, 20, "append", events(3, 6, 20, 150))
windowed("sliding-append", 120, 45, 10, 30, "append", events(4, 6, 20, 500))
windowed("sliding-update", 90, 30, 0, 20, "update", events(7, 6, 20, 200))
windowed("sliding-complete", 90, 60, -20, 20, "complete", events(8, 5, 20, 200))
top_pages()
by_event_time()
