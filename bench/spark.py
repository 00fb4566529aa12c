"""The jobs of `jobs/` on Spark Structured Streaming, run by Spark's own Python: `end_to_end.py` starts it.

One JVM for one job. Each line on standard input runs the job once, from nothing, over all files; the answer is a line of
JSON. So the first run is cold, those after it are warm, and the other side can run in between."""

import json
import shutil
import sys
import time

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

LOGS = "url string, timestamp timestamp, bytes long, status int, user string"
FILES_PER_TRIGGER = 10


def read(spark, data, form, schema=None, **options):
    reader = spark.readStream.format(form).option("maxFilesPerTrigger", FILES_PER_TRIGGER).options(**options)
    return (reader.schema(schema) if schema else reader).load(f"{data}/{form}")


def windows(spark, data):
    rows = read(spark, data, "json", LOGS).withWatermark("timestamp", "1 minute")
    return rows.groupBy(F.window("timestamp", "10 minutes", "5 minutes"), "url").count(), "append"


def words(spark, data):
    word = read(spark, data, "text").select(F.explode(F.split("value", " ")).alias("word"))
    return word.where(F.col("word").contains("/")).groupBy("word").count(), "complete"


def text(spark, data):
    items = read(spark, data, "text").where(F.col("value").contains("/item-1"))
    return items.groupBy(F.split("value", " ")[2].alias("word")).count(), "complete"


def csv(spark, data):
    items = read(spark, data, "csv", LOGS, header=True).where(F.col("url").contains("/item-1"))
    return items.groupBy("url").agg(F.sum("bytes"), F.max("bytes")), "complete"


def csv_counts(spark, data):
    return read(spark, data, "csv", LOGS, header=True).groupBy("url").count(), "complete"


def q8(spark, data):
    def rows(kind, schema):
        reader = spark.readStream.format("json").option("maxFilesPerTrigger", FILES_PER_TRIGGER).schema(schema)
        return reader.load(f"{data}/nexmark/{kind}").withWatermark("dateTime", "1 second")

    window = F.window("dateTime", "10 seconds")
    person = rows("person", "id long, name string, dateTime timestamp").select("id", "name", window.alias("came"))
    seller = rows("auction", "seller long, dateTime timestamp").select("seller", window.alias("opened"))
    seller = seller.dropDuplicates(["seller", "opened"])
    joined = person.join(seller, (F.col("id") == F.col("seller")) & (F.col("came") == F.col("opened")))
    return joined.select("id", "name", F.col("came.start").alias("start")), "append"


def keyed_count(spark, data):
    """A running count by user, by a function over state."""
    import pandas
    from pyspark.sql.streaming.state import GroupStateTimeout

    def count(key, batches, state):
        seen = (state.get[0] if state.exists else 0) + sum(len(batch) for batch in batches)
        state.update((seen,))
        yield pandas.DataFrame({"user": [key[0]], "rows": [seen]})

    users = read(spark, data, "json", LOGS).groupBy("user")
    schema = "user string, rows long"
    return users.applyInPandasWithState(count, schema, "rows long", "append", GroupStateTimeout.NoTimeout), "append"


def run(spark, job, data, work):
    """One run: its rows in, its seconds from the query's start to its end, its epochs."""
    shutil.rmtree(work, ignore_errors=True)
    rows, mode = job(spark, data)
    writer = rows.writeStream.outputMode(mode).option("checkpointLocation", f"{work}/checkpoint")
    if mode == "append":
        writer = writer.format("parquet").option("path", f"{work}/out")
    else:
        # Spark's file sink has no complete mode; the same result, written over in each epoch.
        writer = writer.foreachBatch(lambda batch, _: batch.write.mode("overwrite").csv(f"{work}/out"))
    started = time.monotonic()
    query = writer.trigger(availableNow=True).start()
    query.awaitTermination()
    seconds = time.monotonic() - started
    progress = query.recentProgress
    return {"rows": sum(p["numInputRows"] for p in progress), "seconds": seconds, "epochs": len(progress)}


def main():
    job, data, work, cores, memory = sys.argv[1:]
    spark = (
        SparkSession.builder.master(f"local[{cores}]")
        .config("spark.driver.memory", memory)
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", cores)
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.streaming.numRecentProgressUpdates", 10000)
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )
    print(json.dumps({"spark": spark.version}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(run(spark, globals()[job], data, work)), flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
