#!/bin/sh
# CPU time per row of the conformance operators in JavaScript: a job with the operator, less the same job without it, the
# least of three runs each. Usage: MILLSTREAM=path/to/millstream sh bench/run.sh
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
plugins=$here/../../plugins/conformance
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rows=2000000
millstream=${MILLSTREAM:-millstream}
for kind in filter map; do node "$here/build.mjs" "$plugins/$kind/javascript" -o "$work/$kind.wasm" >/dev/null; done

job() { # NAME, the operator's block, what is read of it
    cat > "$work/$1.toml" <<END
name = "bench"
trigger = "available-now"

[source.rows]
connector = "generate"
rows_of = "bids"
rows = $rows

[operator.texts]
sql = "SELECT substr(url, 25) AS text, price, CAST(price AS DOUBLE) AS number FROM rows"
$2
[operator.counted]
sql = "SELECT count($4) AS n FROM $3"
output_mode = "complete"

[sink.console]
input = "counted"
END
}

operator() { # KIND, with
    printf '[plugin.tried]\npath = "%s.wasm"\n[operator.tried]\ninput = "texts"\nplugin = "tried"\nwith = %s\n' "$1" "$2"
}

least() { # NAME: milliseconds of CPU
    for _ in 1 2 3 4; do
        # The first run compiles the component.
        { time -p "$millstream" run "$work/$1.toml" --progress none >"$work/out" 2>"$work/err"; } 2>"$work/time" || cat "$work/err" >&2
        awk '/^(user|sys)/ { cpu += $2 } END { print int(cpu * 1000) }' "$work/time"
    done | sort -n | head -1
}

job plain "" texts text
job filter "$(operator filter '{ column = "text", text = "item.htm?query=1&channel_id=1" }')" tried text
job filter-half "$(operator filter '{ column = "text", text = "channel" }')" tried text
job filter-rare "$(operator filter '{ column = "text", text = "zebra" }')" tried text
job float64 "$(operator map '{ column = "number", plus = 0.5 }')" tried sum
job int64 "$(operator map '{ column = "price", plus = 5 }')" tried sum
plain=$(least plain)
for name in filter filter-half filter-rare float64 int64; do
    took=$(least $name)
    echo "$name: $(( (took - plain) * 1000000 / rows )) ns a row ($took ms of CPU for $rows rows, $plain without it)"
done
