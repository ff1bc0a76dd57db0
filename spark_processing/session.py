"""The Spark session: quiet, small enough for a laptop, and the cluster's own when spark-submit brings one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

QUIET_LOG = Path(__file__).with_name("log4j2.properties")
ROWS_PER_PARTITION = 100_000
FILES_PER_BATCH = 4
"""Raw files handed to a Python worker at once: bounds its memory."""


def open_session(name: str, master: str = "") -> SparkSession:
    """A session under spark-submit's settings where there are any, else on this machine's cores (or
    `master`)."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(name)
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    if not submitted:
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        for key, value in _laptop_settings(master or "local[*]").items():
            builder = builder.config(key, value)
    spark = builder.getOrCreate()
    for key, value in _JOB_SETTINGS.items():
        spark.conf.set(key, value)
    return spark


def set_partitions(spark: SparkSession, rows: int, partitions: int = 0) -> None:
    """As many shuffle partitions as `rows` need, at least one a core; `partitions` overrules."""
    needed = max(spark.sparkContext.defaultParallelism, rows // ROWS_PER_PARTITION)
    spark.conf.set("spark.sql.shuffle.partitions", partitions or needed)


def _laptop_settings(master: str) -> "dict[str, str]":
    quiet = f"-Dlog4j2.configurationFile={QUIET_LOG.as_uri()}" if QUIET_LOG.exists() else ""
    return {
        "spark.master": master,
        "spark.driver.memory": "2g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": quiet,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": str(sys.stderr.isatty()).lower(),
    }


_JOB_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(FILES_PER_BATCH),
    "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
}
