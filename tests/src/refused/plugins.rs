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
            "the folder of a plugin's project",
        ),
        job(
            "no configuration",
            "[plugin.keep]\npath = \"PLUGINS/keep-containing\"\n[operator.urls]\nsql = \"SELECT url FROM events\"\n[operator.x]\ninput = \"urls\"\nplugin = \"keep\"\n[sink.out]\ninput = \"x\"",
            "`text`",
            "x",
            "",
        ),
        job(
            "a key of the configuration missing",
            "[plugin.keep]\npath = \"PLUGINS/keep-containing\"\n[operator.x]\ninput = \"events\"\nplugin = \"keep\"\nwith = { column = \"url\" }\n[sink.out]\ninput = \"x\"",
            "`text`",
            "with",
            "",
        ),
        job(
            "a key of the configuration with a wrong value",
            "[plugin.keep]\npath = \"PLUGINS/keep-containing\"\n[operator.x]\ninput = \"events\"\nplugin = \"keep\"\nwith = { column = \"url\", text = 1 }\n[sink.out]\ninput = \"x\"",
            "`text`",
            "text",
            "",
        ),
        job(
            "wrong input type",
            "[plugin.split]\npath = \"PLUGINS/split-words\"\n[operator.parts]\nsql = \"SELECT string_to_array(url, '/') AS parts FROM events\"\n[operator.x]\ninput = \"parts\"\nplugin = \"split\"\nwith = { column = \"parts\" }\n[sink.out]\ninput = \"x\"",
            "`parts` is list of utf8; this plugin needs utf8",
            "split",
            "",
        ),
        job(
            "columns that nest too deep",
            "[plugin.bad]\npath = \"PLUGINS/hostile/bad-output\"\n[operator.urls]\nsql = \"SELECT url AS value FROM events\"\n[operator.x]\ninput = \"urls\"\nplugin = \"bad\"\nwith = { how = \"deep\" }\n[sink.out]\ninput = \"x\"",
            "it nests deeper than 16",
            "bad",
            "",
        ),
        job(
            "refused configuration",
            "[plugin.split]\npath = \"PLUGINS/split-words\"\n[operator.x]\ninput = \"events\"\nplugin = \"split\"\nwith = { column = \"url\", seperator = \",\" }\n[sink.out]\ninput = \"x\"",
            "`seperator`",
            "seperator",
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

#[test]
fn a_checkpoint_in_a_folder_that_holds_something_else_is_refused_at_its_place() {
    let scratch = crate::scratch::Scratch::new();
    scratch.write("in/a.log", "a\n");
    let job = "name = \"job\"\ncheckpoint = \".\"\n[source.lines]\npath = \"in\"\nformat = \"text\"\n\
               [sink.out]\ninput = \"lines\"\nconnector = \"memory\"\n";
    let error = scratch.run(job).map(|_| ()).unwrap_err();
    let at = error.location().unwrap();
    assert_eq!(&at.text[at.span.clone()], "\".\"", "{error}");
    assert!(error.message().contains("the dead letters would go into the job's checkpoint"), "{error}");
    assert!(error.help().unwrap().contains("a folder of its own"), "{error:?}");
    // What is in it already is named too.
    scratch.write("full/notes.txt", "a\n");
    let error = scratch.run(&job.replace("\".\"", "\"full\"")).map(|_| ()).unwrap_err();
    assert_eq!(error.location().map(|at| &at.text[at.span.clone()]), Some("\"full\""), "{error}");
}
