"""What the dataset holds already, for the rows that come: in come the parts of the dataset, out come the few
ids and texts that new rows can be copies of.

Each part keeps two Arrow files beside its rows: `known/ids.arrow`, the key of every horoscope it has judged,
and `known/texts.arrow`, every kept text by its key and its sketch. They are mapped into memory and passed
over column by column: a day is compared with years of history in a fraction of a second, and only the texts
that meet a new one are read.
"""

from __future__ import annotations

from typing import Any, Iterator, List

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_processing.dataset import Dataset, damaged
from spark_processing.near_duplicates import sketches_of
from spark_processing.schema import KNOWN_IDS, KNOWN_TEXTS
from spark_processing.shingles import HASH, SKETCH

IDS, TEXTS = "known/ids.arrow", "known/texts.arrow"
ROWS_PER_BATCH = 1 << 16


def find_known_ids(storage: Any, base: Dataset, ids: np.ndarray) -> np.ndarray:
    """Those of the keys that the dataset has judged before."""
    wanted = Among(ids)
    judged = (_numbers(batch, "id_key") for batch in _batches(storage, base, IDS))
    return np.unique(np.concatenate([np.empty(0, np.int64), *(keys[wanted.has(keys)] for keys in judged)]))


def find_known_texts(storage: Any, base: Dataset, texts: np.ndarray, sketches: np.ndarray) -> pa.Table:
    """The dataset's texts with one of the keys, and its representatives that share two values with the
    sketches, as `schema.KNOWN_TEXTS`."""
    same, meeting = Among(texts), Among(sketches.ravel())
    found: List[pa.RecordBatch] = []
    for batch in _batches(storage, base, TEXTS):
        sketch = _column(batch, "sketch")
        own = np.frombuffer(sketch.buffers()[1], HASH, len(batch) * SKETCH).reshape(-1, SKETCH)
        near = (meeting.has(own).sum(1) > 1) & _column(batch, "represents").to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(same.has(_numbers(batch, "text_key")) | near)
        found.append(batch.take(pa.array(rows)))
    return pa.Table.from_batches(found, KNOWN_TEXTS)


class Among:
    """Whether numbers are among some that are wanted: a look into a table of bits first, since most are
    not."""

    def __init__(self, wanted: np.ndarray) -> None:
        self._wanted = np.unique(wanted)
        self._mask = (1 << max(16, min(27, len(self._wanted).bit_length() + 6))) - 1
        self._table = np.zeros(self._mask + 1, bool)
        self._table[self._wanted & self._mask] = True

    def has(self, numbers: np.ndarray) -> np.ndarray:
        found = self._table[numbers & self._mask]
        found[found] = np.isin(numbers[found], self._wanted)
        return found


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    return batch.column(batch.schema.get_field_index(name))


def _numbers(batch: pa.RecordBatch, name: str) -> np.ndarray:
    return _column(batch, name).to_numpy()


def _batches(storage: Any, base: Dataset, name: str) -> Iterator[pa.RecordBatch]:
    for part in base.parts:
        file = f"{part.folder}/{name}"
        try:
            with pa.memory_map(storage.local(file)) as mapped:
                reader = pa.ipc.open_file(mapped)
                for number in range(reader.num_record_batches):
                    yield reader.get_batch(number)
        except (OSError, pa.ArrowInvalid) as error:
            raise damaged(storage, file, error) from error


def write_known(storage: Any, folder: str, keys: pa.Table, kept: pa.Table) -> None:
    """Both files of a part: `keys` of every row it judged, `kept` the keys of kept rows with `represents`."""
    ids = pc.unique(keys.column("id_key")).drop_null()
    write_table(storage, f"{folder}/{IDS}", pa.table([ids], KNOWN_IDS))
    sketches = sketches_of(kept.column("shingles").to_pylist())
    sketch = pa.FixedSizeBinaryArray.from_buffers(
        KNOWN_TEXTS.field("sketch").type, len(sketches), [None, pa.py_buffer(sketches.tobytes())]
    )
    texts = kept.append_column("sketch", sketch).select(KNOWN_TEXTS.names).cast(KNOWN_TEXTS)
    write_table(storage, f"{folder}/{TEXTS}", texts)


def merge_known(storage: Any, base: Dataset, folder: str) -> None:
    """Both files of a part that takes the place of all parts."""
    for name, schema in ((IDS, KNOWN_IDS), (TEXTS, KNOWN_TEXTS)):
        table = pa.Table.from_batches(_batches(storage, base, name), schema)
        write_table(storage, f"{folder}/{name}", table.combine_chunks())


def write_table(storage: Any, name: str, table: pa.Table) -> None:
    with storage.writing(name) as path:
        sink = pa.OSFile(path, "wb")
        with sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=ROWS_PER_BATCH)
