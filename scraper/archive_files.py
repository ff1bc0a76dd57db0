"""Rows of an archive file: JSONL, CSV or Parquet, gzipped or not, or a Hugging Face dataset; dictionaries go
out.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

Row = dict[str, Any]
FORMATS = (".jsonl", ".csv", ".parquet")
HUGGING_FACE = "hf:"


class ArchiveError(Exception):
    """The archive as a whole cannot be read; the message is for the user."""


def rows_of(archive: str) -> Iterator[Row]:
    """Every row; a line that is no JSON object comes as `{"": line}`.

    Raises:
        ArchiveError: no such file, a format nobody knows, a damaged gzip, bytes that are no UTF-8.
    """
    try:
        if archive.startswith(HUGGING_FACE):
            yield from _hugging_face_rows(archive.removeprefix(HUGGING_FACE))
        else:
            yield from _file_rows(Path(archive))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise ArchiveError(
            f"expected a readable archive, found {error}, in {archive}; get the file again"
        ) from error


def _file_rows(path: Path) -> Iterator[Row]:
    zipped = path.suffix == ".gz"
    kind = Path(path.stem).suffix if zipped else path.suffix
    if kind not in FORMATS:
        raise ArchiveError(
            f"expected {', '.join(FORMATS)}, each also with .gz, found {path.name}; rename or convert it"
        )
    with cast(IO[bytes], gzip.open(path) if zipped else path.open("rb")) as stream:
        if kind == ".parquet":
            yield from _parquet_rows(stream, path)
        else:
            yield from (_json_rows if kind == ".jsonl" else _csv_rows)(stream)


def _json_rows(stream: IO[bytes]) -> Iterator[Row]:
    for line in stream:
        text = line.decode("utf-8-sig")
        if text.strip():
            try:
                row = json.loads(text)
            except ValueError:
                row = None
            yield row if isinstance(row, dict) else {"": text.strip()}


def _csv_rows(stream: IO[bytes]) -> Iterator[Row]:
    csv.field_size_limit(16 * 1024 * 1024)
    yield from csv.DictReader(io.TextIOWrapper(stream, encoding="utf-8-sig", newline=""))


def _parquet_rows(stream: IO[bytes], path: Path) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet  # half a second: only where it is needed

    try:
        for batch in parquet.ParquetFile(stream).iter_batches():
            yield from batch.to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise ArchiveError(f"expected Parquet, found {error}, in {path}; get the file again") from error


def _hugging_face_rows(name: str) -> Iterator[Row]:
    try:
        import datasets
    except ImportError as error:
        raise ArchiveError(
            "expected the package datasets for hf: archives, found none; pip install datasets"
        ) from error
    try:
        splits = datasets.load_dataset(name)
    except Exception as error:  # the library raises whatever its backends raise
        raise ArchiveError(f"expected the dataset {name}, found {error}; check name and network") from error
    for split in splits.values():
        yield from split


def fingerprint(archive: str) -> str:
    """8 hex digits of the content (of the name, for a dataset by name): the same file, the same digits."""
    digest = hashlib.sha256()
    if archive.startswith(HUGGING_FACE):
        digest.update(archive.encode())
    else:
        try:
            with Path(archive).open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise ArchiveError(
                f"expected an archive file, found {error.strerror}, in {archive}; check the path"
            ) from error
    return digest.hexdigest()[:8]
