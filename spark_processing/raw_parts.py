"""Raw parts judged by whole files: a CSV part is read by Arrow's own reader, which knows quotes and line
breaks inside a field.

Spark hands each task a group of parts. Where the storage is a folder the task opens them itself; elsewhere
Hadoop brings their bytes. Some thousand horoscopes leave their task packed into one row: what they are
compared by (`keys`), and all their columns (`rows`), each as an Arrow stream. In a folder they wait in files,
and only a name crosses from Python to Java.
"""

from __future__ import annotations

import hashlib
import uuid
from functools import reduce
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
from pyspark.sql import DataFrame, SparkSession

from spark_processing.ordinary import one_chunk
from spark_processing.raw_runs import RawDataError, RawPart
from spark_processing.schema import KEYS, RAW_COLUMNS

GROUP_ROWS = 50_000
"""Rows of one task, at least; and of one file of the dataset."""
BATCH_ROWS = 5_000
PACKED = "batch long, keys binary, rows binary, file string"
"""`keys` and `rows` are null where files hold them, named by `file` and the column."""
Batches = Iterator[pa.RecordBatch]
Judge = Callable[[List[pa.Table]], pa.Table]
"""From the raw tables of some parts to one table as `schema.JUDGED`."""
_PACKED = pa.schema(
    [("batch", pa.int64()), ("keys", pa.binary()), ("rows", pa.binary()), ("file", pa.string())]
)
_AS_TEXT = {name: pa.string() for name in RAW_COLUMNS}


class Numbered(NamedTuple):
    """A raw part on its way to a task."""

    number: int
    address: str
    rows: int


def group_parts(storage: Any, parts: List[RawPart]) -> List[List[Numbered]]:
    """Neighbours together, by the rows their manifests promise: the same whatever the cores."""
    groups: List[List[Numbered]] = []
    rows = GROUP_ROWS
    for number, part in enumerate(parts):
        if rows >= GROUP_ROWS:
            groups.append([])
            rows = 0
        groups[-1].append(Numbered(number, storage.path(part.path), part.rows))
        rows += part.rows
    return groups


def read_packed(
    spark: SparkSession, storage: Any, parts: List[RawPart], judge: Judge, waiting: str
) -> DataFrame:
    """The parts with a verdict on each row, as PACKED, a partition a group; in a folder, rows wait in files
    below `waiting` of it. A damaged part fails the action that reads it."""
    groups = group_parts(storage, parts)
    by_number = {part.number: part for group in groups for part in group}
    if storage.is_folder:
        Path(storage.local(waiting)).mkdir(parents=True)
        numbers = spark.range(0, len(groups), 1, numPartitions=len(groups))
        pack = packer(opener(groups), by_number, judge, storage.local(waiting))
        return numbers.mapInArrow(pack, PACKED)
    contents = [read_contents(spark, group) for group in groups]
    return reduce(DataFrame.union, contents).mapInArrow(packer(as_contents, by_number, judge), PACKED)


Contents = Iterator[Tuple[int, bytes]]
"""Parts by number, with their bytes."""


def opener(groups: List[List[Numbered]]) -> Callable[[pa.RecordBatch], Contents]:
    """From the numbers of groups to their parts, `file://` addresses, opened where the task runs."""

    def open_parts(numbers: pa.RecordBatch) -> Contents:
        for group in numbers.column(0).to_pylist():
            for part in groups[group]:
                yield part.number, Path(part.address.partition("://")[2]).read_bytes()

    return open_parts


def read_contents(spark: SparkSession, group: List[Numbered]) -> DataFrame:
    """The bytes of a group's parts as Hadoop reads them, with their numbers."""
    numbers = spark.createDataFrame(
        [(_bare(part.address), part.number) for part in group], "bare string, part long"
    )
    files = spark.read.format("binaryFile").load([part.address for part in group])
    bare = files.selectExpr("regexp_replace(path, '^[^:]*:/*', '') AS bare", "content")
    found = bare.join(numbers.hint("broadcast"), "bare").select("part", "content")
    return found.coalesce(1).sortWithinPartitions("part")


def _bare(address: str) -> str:
    """Hadoop writes `file:/x`, `file:///x` for one file: only what follows the scheme and slashes is
    compared."""
    return address.partition(":")[2].lstrip("/")


def as_contents(batch: pa.RecordBatch) -> Contents:
    return zip(*(column.to_pylist() for column in batch.columns))


def packer(
    contents_of: Callable[[pa.RecordBatch], Contents],
    parts: Dict[int, Numbered],
    judge: Judge,
    waiting: str = "",
) -> Callable[[Batches], Batches]:
    """A task's work: from Arrow batches that tell its parts to Arrow batches of PACKED."""

    def pack(batches: Batches) -> Batches:
        pa.set_cpu_count(1)  # Spark has a task on each core already
        contents = (found for batch in batches for found in contents_of(batch))
        for number, tables in gathered(contents, parts):
            judged = judge(tables)
            streams = {"keys": to_stream(keys_of(judged)), "rows": to_stream(judged, "lz4")}
            packed = {"batch": number, **(in_files(streams, f"{waiting}/{number}") if waiting else streams)}
            columns = [pa.array([packed.get(field.name)], field.type) for field in _PACKED]
            yield pa.RecordBatch.from_arrays(columns, schema=_PACKED)

    return pack


def in_files(streams: Dict[str, bytes], name: str) -> Dict[str, str]:
    """Leaves the streams in files of this attempt's own. Returns what PACKED has in their place."""
    file = f"{name}-{uuid.uuid4().hex}"
    for column, stream in streams.items():
        Path(f"{file}.{column}").write_bytes(stream)
    return {"file": file}


def gathered(contents: Contents, parts: Dict[int, Numbered]) -> Iterator[Tuple[int, List[pa.Table]]]:
    """The tables of neighbouring parts, of some thousand rows together, with the first one's number."""
    waiting: Dict[int, pa.Table] = {}
    for number, content in contents:
        waiting[number] = read_rows(content, parts[number].address, parts[number].rows)
        if sum(table.num_rows for table in waiting.values()) >= BATCH_ROWS:
            yield min(waiting), [waiting[n] for n in sorted(waiting)]
            waiting = {}
    if waiting:
        yield min(waiting), [waiting[n] for n in sorted(waiting)]


def read_rows(content: bytes, path: str, rows_expected: int) -> pa.Table:
    """A part's rows as text, `''` for what is absent; RawDataError when it is not the table its manifest
    promises."""
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(content),
            pyarrow.csv.ReadOptions(use_threads=False, block_size=len(content) + 1),
            pyarrow.csv.ParseOptions(newlines_in_values=True),
            pyarrow.csv.ConvertOptions(column_types=_AS_TEXT, strings_can_be_null=False),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise RawDataError(f"expected UTF-8 CSV, found {error}, in {path}; collect that day again") from error
    if tuple(table.column_names) != RAW_COLUMNS:
        found = ",".join(table.column_names)
        raise RawDataError(f"expected columns {','.join(RAW_COLUMNS)}, found {found}, in {path}")
    if table.num_rows != rows_expected:
        raise RawDataError(
            f"expected {rows_expected} rows as in the manifest, found {table.num_rows}, in {path}"
        )
    return table.combine_chunks()


def keys_of(judged: pa.Table) -> pa.Table:
    """What the rows are compared by, as `schema.KEYS`."""
    found = {name: one_chunk(judged.column(name)) for name in KEYS.names if name in judged.column_names}
    ids, texts = found["horoscope_id"], found["text_hash"]
    found["id_key"] = first_64_bits(ids, lambda name: hashlib.sha256(name.encode()).digest()[:16])
    found["text_key"] = first_64_bits(texts, bytes.fromhex)
    columns = [
        found[name] if name in found else pa.nulls(judged.num_rows, KEYS.field(name).type)
        for name in KEYS.names
    ]
    return pa.Table.from_arrays(columns, schema=KEYS)


def first_64_bits(names: pa.Array, digest: Callable[[str], bytes]) -> pa.Array:
    """Of the 16 bytes that each name stands for; null for null."""
    digests = b"".join([digest(name) if name else bytes(16) for name in names.to_pylist()])
    return pa.array(np.frombuffer(digests, "<i8")[::2], mask=names.is_null().to_numpy(zero_copy_only=False))


def to_stream(table: pa.Table, compression: str = "") -> bytes:
    """The table as an Arrow stream."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression or None)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def from_stream(stream: Optional[bytes], column: str = "", file: Optional[str] = None) -> pa.Table:
    """The table of a stream, or of the column that a file holds in its place."""
    if stream is None:
        stream = Path(f"{file}.{column}").read_bytes()
    return pa.ipc.open_stream(pa.BufferReader(stream)).read_all()
