"""The Spark session: quiet, small enough for a laptop, and the cluster's own when spark-submit brings one.

Rows are judged and written in Python, so Java only hands out work: it compiles little, generates no code and
takes its classes from an archive, which is most of a daily batch's time and a third of an archive's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any, Dict, List

import pyspark
from pyspark import SparkContext
from pyspark.sql import DataFrame, SparkSession

from spark_processing.dataset import Dataset

QUIET_LOG = Path(__file__).with_name("log4j2.properties")
ARCHIVE_AT_EXIT = "HOROSCOPE_ARCHIVE_CLASSES_AT_EXIT"
"""Environment variable by which `warm_start` tells Java where to write the archive."""
SMALL_BATCH = 20_000
"""Rows up to which one task without shuffles is the quickest way."""
ROWS_PER_PARTITION = 100_000
FILES_PER_BATCH = 4
"""Raw files handed to a Python worker at once: bounds its memory."""


def open_session(name: str, rows: int, master: str = "") -> SparkSession:
    """A session for so many rows: spark-submit's where there is one, else on this machine's cores."""
    spark = start(name, master)
    for key, value in job_settings(rows, spark.sparkContext.defaultParallelism).items():
        spark.conf.set(key, value)
    return spark


def start(name: str, master: str = "") -> SparkSession:
    """The session as it is before anything is known of the rows."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(name)
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        for key, value in laptop_settings(master or "local[*]").items():
            builder = builder.config(key, value)
    return builder.getOrCreate()


def laptop_settings(master: str) -> Dict[str, str]:
    """What only a session of our own may choose, before its Java starts."""
    java = [f"-Dlog4j2.configurationFile={QUIET_LOG.as_uri()}"] if QUIET_LOG.exists() else []
    java += ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *class_sharing()]
    return {
        "spark.master": master,
        "spark.driver.memory": "2g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": " ".join(java),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": str(sys.stderr.isatty()).lower(),
    }


def class_sharing() -> List[str]:
    """Java's part in `warm_start`: a note to write the archive, or to use the one there is."""
    if ARCHIVE_AT_EXIT in os.environ:
        return [
            f"-XX:ArchiveClassesAtExit={os.environ[ARCHIVE_AT_EXIT]}",
            "-Xlog:cds=off",
            "-Xlog:cds+dynamic=off",
        ]
    archive = class_archive()
    return ["-Xshare:auto", f"-XX:SharedArchiveFile={archive}", "-Xlog:cds=off"] if archive.exists() else []


def class_archive() -> Path:
    """Where `warm_start` keeps the classes of this Spark and this Java: in the virtual environment, else in
    the user's cache."""
    if sys.prefix != sys.base_prefix:
        cache = Path(sys.prefix)
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "horoscope-mlops"
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(f"{home}/bin/java" if home else "java") or ""
    kind = hashlib.sha256(f"{Path(java).resolve()} {Path(pyspark.__file__).parent}".encode()).hexdigest()[:12]
    return cache / f"spark-{pyspark.__version__}-{kind}.jsa"


def close_java() -> int:
    """End Spark and its Java, and wait for it. Returns its exit code."""
    context = SparkContext._active_spark_context
    if context is not None:
        gateway: Any = context._gateway
        java = gateway.proc
        context.stop()
        gateway.shutdown()
        java.stdin.close()
        return int(java.wait())
    return 0


def job_settings(rows: int, cores: int) -> Dict[str, str]:
    """What suits the number of rows in any session."""
    small = rows <= SMALL_BATCH
    shuffles = 1 if small else max(cores, rows // ROWS_PER_PARTITION)
    return {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(FILES_PER_BATCH),
        "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
        "spark.sql.shuffle.partitions": str(shuffles),
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.autoBroadcastJoinThreshold": "-1" if small else "10485760",
        "spark.sql.files.maxPartitionBytes": "1g" if small else "64m",
        "spark.sql.files.openCostInBytes": "4096" if small else "1048576",
        "spark.sql.leafNodeDefaultParallelism": "1" if small else str(cores),
    }


def read_table(spark: SparkSession, storage: Any, dataset: Dataset, table: str, columns: Any) -> DataFrame:
    """Columns of a table over all parts of the dataset; no rows when it has no part."""
    folders = [storage.path(f"{part.folder}/{table}") for part in dataset.parts]
    return spark.read.schema(columns).parquet(*folders) if folders else spark.createDataFrame([], columns)
