"""Raw parts as a DataFrame of judged rows: whole files go to Python workers, columns come back through Arrow.

A CSV part is read whole by Python's own reader, which knows quotes and line breaks inside a field and refuses
what is not a table; Spark spreads the files over its cores, wherever Hadoop finds them.
"""

from __future__ import annotations

import csv
import io
from typing import Any, Callable, Dict, Iterator, List

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from spark_processing.judging import judge_part
from spark_processing.own_output import Published
from spark_processing.raw_runs import RawDataError, RawPart
from spark_processing.rules import Options
from spark_processing.schema import JUDGED, RAW_COLUMNS

BATCH_ROWS = 5000


def read_judged(
    spark: SparkSession, storage: Any, parts: List[RawPart], options: Options, published: Published
) -> DataFrame:
    """Every row of the parts with its verdict, as `schema.JUDGED`. A damaged part fails the action that
    reads it."""
    rows = {storage.path(part.path): part.rows for part in parts}
    files = spark.read.format("binaryFile").load(list(rows)).select("path", "content")
    if spark.conf.get("spark.sql.shuffle.partitions") == "1":
        files = files.coalesce(1)  # one partition from the start: Spark then plans no exchange at all
    return files.mapInArrow(judge_files(rows, options, published), JUDGED)


def judge_files(
    rows_expected: Dict[str, int], options: Options, published: Published
) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """A function from Arrow batches of (path, content) to Arrow batches of judged rows."""
    expected = {_bare(path): rows for path, rows in rows_expected.items()}

    def judge_batches(batches: Iterator[Any]) -> Iterator[Any]:
        schema = to_arrow_schema(JUDGED)
        for batch in batches:
            for path, content in zip(*(column.to_pylist() for column in batch.columns)):
                judged = list(judge_part(read_rows(content, path, expected[_bare(path)]), options, published))
                for start in range(0, len(judged), BATCH_ROWS):
                    columns = [list(column) for column in zip(*judged[start : start + BATCH_ROWS])]
                    yield type(batch).from_pydict(dict(zip(JUDGED.names, columns)), schema=schema)

    return judge_batches


def _bare(path: str) -> str:
    """Hadoop writes `file:/x`, `file:///x` for one file: only what follows the scheme and slashes is
    compared."""
    return path.partition(":")[2].lstrip("/")


def read_rows(content: bytes, path: str, rows_expected: int) -> List[List[str]]:
    """A part's rows without its header; RawDataError when it is not the table its manifest promises."""
    try:
        table = csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True)
        header, *rows = table
    except (csv.Error, UnicodeDecodeError, ValueError) as error:
        raise RawDataError(f"expected UTF-8 CSV, found {error}, in {path}; collect that day again") from error
    odd = [number for number, row in enumerate([header, *rows], 1) if len(row) != len(RAW_COLUMNS)]
    if odd:
        raise RawDataError(
            f"expected {len(RAW_COLUMNS)} fields, found another number in record {odd[0]}, in {path}"
        )
    if len(rows) != rows_expected:
        raise RawDataError(f"expected {rows_expected} rows as in the manifest, found {len(rows)}, in {path}")
    return rows
