//! Plugins that do not fit where they are used.

use super::{job, refuse};

#[test]
fn plugins_that_do_not_fit() {
    refuse(vec![
        job(
            "no component",
            "[plugin.p]\npath = \"not-a-component.wasm\"\n[operator.x]\ninput = \"events\"\nplugin = \"p\"\n[sink.out]\ninput = \"x\"",
            "plugin `p`: ",
            "not-a-component.wasm",
            "",
        ),
        job(
            "no such file",
            "[plugin.p]\npath = \"nowhere.wasm\"\n[operator.x]\ninput = \"events\"\nplugin = \"p\"\n[sink.out]\ninput = \"x\"",
            "plugin `p`: ",
            "nowhere.wasm",
            "",
        ),
        job(
            "wrong input type",
            "[plugin.split]\npath = \"PLUGINS/split-words\"\n[operator.x]\ninput = \"events\"\nplugin = \"split\"\nwith = { column = \"id\" }\n[sink.out]\ninput = \"x\"",
            "`id` is int64; this plugin needs utf8",
            "split",
            "",
        ),
        job(
            "refused configuration",
            "[plugin.split]\npath = \"PLUGINS/split-words\"\n[operator.x]\ninput = \"events\"\nplugin = \"split\"\nwith = { column = \"url\", seperator = \",\" }\n[sink.out]\ninput = \"x\"",
            "`seperator`",
            "split",
            "",
        ),
        job(
            "groups of a plugin that has none",
            "[plugin.split]\npath = \"PLUGINS/split-words\"\n[operator.x]\ninput = \"events\"\nplugin = \"split\"\ngroup_by = [\"url\"]\n[sink.out]\ninput = \"x\"",
            "`split` is no aggregate",
            "url",
            "leave `group_by` out",
        ),
        job(
            "aggregate plugin in append mode",
            "[plugin.agg]\npath = \"PLUGINS/sum-and-max\"\n[operator.x]\ninput = \"events\"\nplugin = \"agg\"\ngroup_by = [\"url\"]\n[sink.out]\ninput = \"x\"",
            "append mode needs a grouping by window",
            "x",
            "GROUP BY window(…)",
        ),
        job(
            "grouped by no column",
            "[plugin.agg]\npath = \"PLUGINS/sum-and-max\"\n[operator.x]\ninput = \"events\"\nplugin = \"agg\"\ngroup_by = [\"uri\"]\noutput_mode = \"complete\"\n[sink.out]\ninput = \"x\"",
            "no column `uri` to group by",
            "uri",
            "did you mean `url`?",
        ),
        job(
            "two outputs in SQL",
            "[plugin.agg]\npath = \"PLUGINS/sum-and-max\"\nwith = { output = \"both\" }\n[operator.x]\nsql = \"SELECT url, agg(bytes) AS b FROM events GROUP BY url\"\noutput_mode = \"complete\"\n[sink.out]\ninput = \"x\"",
            "`agg` gives 2",
            "agg(bytes)",
            "",
        ),
        job(
            "wrong argument in SQL",
            "[plugin.agg]\npath = \"PLUGINS/sum-and-max\"\n[operator.x]\nsql = \"SELECT url, agg(url) AS b FROM events GROUP BY url\"\noutput_mode = \"complete\"\n[sink.out]\ninput = \"x\"",
            "is utf8",
            "agg",
            "",
        ),
        job(
            "too many arguments in SQL",
            "[plugin.agg]\npath = \"PLUGINS/sum-and-max\"\n[operator.x]\nsql = \"SELECT url, agg(bytes, id) AS b FROM events GROUP BY url\"\noutput_mode = \"complete\"\n[sink.out]\ninput = \"x\"",
            "argument",
            "agg",
            "",
        ),
        job(
            "ORDER BY in a plugin's call",
            "[plugin.agg]\npath = \"PLUGINS/sum-and-max\"\n[operator.x]\nsql = \"SELECT url, agg(bytes ORDER BY ts) AS b FROM events GROUP BY url\"\noutput_mode = \"complete\"\n[sink.out]\ninput = \"x\"",
            "ORDER BY inside a call of the plugin `agg`",
            "agg",
            "",
        ),
        job(
            "a filter called in SQL",
            "[plugin.keep]\npath = \"PLUGINS/keep-containing\"\n[operator.x]\nsql = \"SELECT url FROM events WHERE keep(url)\"\n[sink.out]\ninput = \"x\"",
            "`keep` is a plugin, but neither a map nor an aggregate",
            "keep",
            "operator of its own",
        ),
    ]);
}
