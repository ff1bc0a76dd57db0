"""One piece of work in seven engines: in comes a folder of raw parts, out goes Parquet.

The work: blank texts are dropped; tags become a space, a trailing button label goes, runs of whitespace
become one space, ends are trimmed; texts of 300 to 500 characters stay; of equal texts the earliest row
stays (ties by source, then id). Each function does it with what its engine is good at, on one process and
the machine's two cores.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

TAG, LABEL, SPACES = r"<[^<>]*>", r"\s*Читать далее\s*$", r"\s+"
FLAWED = r"<|  |[\t\n\f\r\v]|далее\s*$"
"""Where one of the three changes anything: our job looks before it rewrites."""
LEAST, MOST = 300, 500
FIRST = ["date", "source", "horoscope_id"]
GLOB = "raw/date=*/source=*/run=*/part-*.csv"


def polars(root: Path, output: Path) -> None:
    import polars as pl

    rows = pl.scan_csv(root / GLOB, infer_schema=False, glob=True)
    text = pl.col("text").str.replace_all(TAG, " ").str.replace_all(LABEL, "").str.replace_all(SPACES, " ")
    clean = rows.filter(pl.col("text").str.strip_chars() != "").with_columns(
        clean_text=text.str.strip_chars(" ")
    )
    fitting = clean.filter(pl.col("clean_text").str.len_chars().is_between(LEAST, MOST))
    fitting.sort(FIRST).unique("clean_text", keep="first").sink_parquet(output / "part.parquet")


def duckdb(root: Path, output: Path) -> None:
    import duckdb as db

    untagged = f"regexp_replace(regexp_replace(text, '{TAG}', ' ', 'g'), '{LABEL}', '')"
    text = f"regexp_replace({untagged}, '{SPACES}', ' ', 'g')"
    db.sql("SET threads = 2")
    db.sql(
        f"""COPY (
            SELECT * FROM (SELECT *, trim({text}) AS clean_text
                FROM read_csv('{root / GLOB}', header = true, all_varchar = true, hive_partitioning = false)
                WHERE trim(text) <> '')
            WHERE length(clean_text) BETWEEN {LEAST} AND {MOST}
            QUALIFY row_number() OVER (PARTITION BY clean_text ORDER BY {", ".join(FIRST)}) = 1
        ) TO '{output / "part.parquet"}' (FORMAT parquet)"""
    )


def pandas(root: Path, output: Path) -> None:
    import pandas as pd
    import pyarrow as pa

    as_arrow = pd.ArrowDtype(pa.string())
    parts = [
        pd.read_csv(path, engine="pyarrow", dtype=as_arrow, keep_default_na=False)
        for path in sorted(root.glob(GLOB))
    ]
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows["text"].str.strip() != ""]
    text = rows["text"].str.replace(TAG, " ", regex=True).str.replace(LABEL, "", regex=True)
    rows = rows.assign(clean_text=text.str.replace(SPACES, " ", regex=True).str.strip())
    rows = rows[rows["clean_text"].str.len().between(LEAST, MOST)]
    rows.sort_values(FIRST).drop_duplicates("clean_text").to_parquet(output / "part.parquet", index=False)


def plain_python(root: Path, output: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tag, label, spaces = re.compile(TAG), re.compile(LABEL), re.compile(SPACES)
    earliest: dict[str, list[str]] = {}
    for path in sorted(root.glob(GLOB)):
        with path.open(encoding="utf-8", newline="") as lines:
            header, *rows = csv.reader(lines)
        at = [header.index(name) for name in (*FIRST, "text")]
        for row in rows:
            if row[at[3]].strip():
                clean = spaces.sub(" ", label.sub("", tag.sub(" ", row[at[3]]))).strip()
                if LEAST <= len(clean) <= MOST:
                    kept = earliest.setdefault(clean, row)
                    if [row[i] for i in at[:3]] < [kept[i] for i in at[:3]]:
                        earliest[clean] = row
    columns = [*zip(*earliest.values(), strict=True), tuple(earliest)]
    pq.write_table(
        pa.table(dict(zip([*header, "clean_text"], columns, strict=True))), output / "part.parquet"
    )


def datatrove(root: Path, output: Path) -> None:
    """Cleaning in a worker a core, exact duplicates by datatrove's own three stages."""
    from datatrove.data import Document
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup.exact_dedup import (
        ExactDedupConfig,
        ExactDedupFilter,
        ExactDedupSignature,
        ExactFindDedups,
    )
    from datatrove.pipeline.filters import LambdaFilter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.readers.csv import CsvReader
    from datatrove.pipeline.writers import JsonlWriter, ParquetWriter

    tag, label, spaces = re.compile(TAG), re.compile(LABEL), re.compile(SPACES)

    def cleaned(reader: Any, row: dict[str, str], path: str, number: int) -> dict[str, Any]:
        text = spaces.sub(" ", label.sub("", tag.sub(" ", row["text"]))).strip()
        return {"text": text, "id": row["horoscope_id"], "metadata": {**row, "text": row["text"]}}

    def content(doc: Document) -> bytes:
        return doc.text.encode()

    days = sorted({path.name for path in (root / "raw").iterdir()})

    def earliest_first(doc: Document) -> int:
        source = int(doc.metadata["source"].rpartition("_")[2])
        return 65535 - (days.index(f"date={doc.metadata['date']}") * 18 + source)

    config = ExactDedupConfig(
        content_getter=content, document_priority=earliest_first, only_dedup_in_index=False
    )
    work, tasks = output / "work", 2

    def run(name: str, *steps: Any) -> None:
        LocalPipelineExecutor(
            list(steps), tasks=tasks, workers=tasks, logging_dir=str(work / "logs" / name)
        ).run()

    fits = LambdaFilter(lambda doc: LEAST <= len(doc.text) <= MOST)
    read = CsvReader(str(root / "raw"), adapter=cleaned, recursive=True, glob_pattern="*/*/*/part-*.csv")
    run("clean", read, fits, JsonlWriter(str(work / "clean"), compression=None))
    again = JsonlReader(str(work / "clean"), compression=None)
    run("sign", again, ExactDedupSignature(str(work / "signs"), config, finder_workers=tasks))
    run("find", ExactFindDedups(str(work / "signs"), str(work / "found"), config))
    run("drop", again, ExactDedupFilter(str(work / "found"), config), ParquetWriter(str(output / "rows")))


def ours_same_work(root: Path, output: Path) -> None:
    """Our own job's frame with this work in place of our rules: whole files to tasks, Arrow columns in them,
    copies decided by keys where the job is driven."""
    from spark_processing.plan import make_plan
    from spark_processing.program import EarlyStart
    from spark_processing.rules import Options
    from spark_processing.storage import Folder

    storage = Folder(str(root))
    with EarlyStart("benchmark") as early:
        plan = make_plan(storage, Options(long_texts="reject"), on_work=early.begin)
    assert plan is not None

    import pyarrow.compute as pc
    from pyspark import StorageLevel

    from spark_processing.duplicates import find_duplicate_texts
    from spark_processing.folder_writer import write_in_tasks
    from spark_processing.packed_rows import with_changes
    from spark_processing.pipeline import WAITING, gather_keys
    from spark_processing.raw_parts import read_packed
    from spark_processing.session import open_session
    from spark_processing.verdicts import as_verdicts

    spark = open_session("benchmark", plan.rows)
    parts = [part for run in plan.runs for part in run.parts]
    storage.delete(WAITING)
    packed = read_packed(spark, storage, parts, same_work, WAITING).persist(StorageLevel.DISK_ONLY)
    keys, batches = gather_keys(packed)
    copies = find_duplicate_texts(keys, pc.is_valid(keys.column("text_hash")).to_numpy(), {})
    verdicts = as_verdicts(keys, {row: {"reason": "duplicate_text"} for row in copies.rows.tolist()})
    rows = with_changes(packed, batches, verdicts)
    write_in_tasks(rows, str(output), ["clean"])
    storage.delete(WAITING)
    packed.unpersist()


def same_work(tables: list[Any]) -> Any:
    """The work on some parts, as `spark_processing.schema.JUDGED`; what does not fit is dropped."""
    import hashlib

    import pyarrow as pa
    import pyarrow.compute as pc

    from spark_processing.ordinary import one_chunk
    from spark_processing.schema import JUDGED

    raw = pa.concat_tables(tables)
    raw = raw.filter(pc.not_equal(pc.utf8_trim_whitespace(raw["text"]), ""))
    text = one_chunk(raw["text"])
    flawed = pc.match_substring_regex(text, FLAWED)
    spoilt = text.filter(flawed)
    for pattern, instead in ((TAG, " "), (LABEL, ""), (SPACES, " ")):
        spoilt = pc.replace_substring_regex(spoilt, pattern, instead)
    text = pc.replace_with_mask(text, flawed, spoilt)
    raw = raw.append_column("clean_text", pc.utf8_trim(text, " "))
    chars = pc.utf8_length(raw["clean_text"])
    raw = raw.filter(pc.and_(pc.greater_equal(chars, LEAST), pc.less_equal(chars, MOST))).combine_chunks()
    hashes = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in raw["clean_text"].to_pylist()]
    made = {"text_hash": pa.array(hashes, pa.string()), "chars": pc.utf8_length(raw["clean_text"])}
    columns = {**{name: raw[name] for name in raw.column_names}, **made}
    filled = [columns[f.name] if f.name in columns else pa.nulls(raw.num_rows, f.type) for f in JUDGED]
    return pa.Table.from_arrays(filled, schema=JUDGED).combine_chunks()


def ours_whole_job(root: Path, output: Path) -> None:
    """The job as it is: every rule, ledger, rejected rows, near duplicates, CSV."""
    from spark_processing.clean_job import main

    (output / "raw").symlink_to(root / "raw", target_is_directory=True)
    assert main(["--storage", str(output), "--long-texts", "reject"]) == 0


ENGINES = {
    "ours": ours_same_work,
    "ours, whole job": ours_whole_job,
    "polars": polars,
    "duckdb": duckdb,
    "pandas": pandas,
    "plain python": plain_python,
    "datatrove": datatrove,
}
