"""Rows judged beside one another: in come the keys of judged rows and what the dataset holds, out come more
verdicts.

`repeated_id`: the same horoscope collected again. `duplicate_text`: another horoscope with the same words,
on whatever date or site. What the dataset holds stays; among new rows the earliest date stays, ties by
source, then id. Keys are narrow (some 200 bytes a row), so this is done where the job is driven, by whole
columns; the verdict depends on the rows alone, not on partitions or cores.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_processing.ordinary import one_chunk


class Copies(NamedTuple):
    """Rows that repeat a kept text, and the horoscope they repeat."""

    rows: np.ndarray
    keepers: List[str]


def find_repeated_ids(keys: pa.Table, known: np.ndarray) -> np.ndarray:
    """A mask: all but the first download of each horoscope, and those whose `id_key` is `known`.

    Rows without an id are no copies of one another: `empty_field` has named them already.
    """
    ids, has_id = integers(keys.column("id_key"))
    order = np.lexsort((np.arange(len(ids)), ranks(keys.column("fetched_at")), ids))
    repeated = np.zeros(len(ids), bool)
    repeated[order[1:]] = ids[order[1:]] == ids[order[:-1]]
    return (repeated | np.isin(ids, known)) & has_id


def find_duplicate_texts(keys: pa.Table, is_open: np.ndarray, known: Dict[str, str]) -> Copies:
    """All but one of the open rows that share a text; `known` maps a text_hash to the horoscope that is
    kept."""
    texts, _ = integers(keys.column("text_key"))
    rows = np.flatnonzero(is_open)
    _, inverse, counts = np.unique(texts[rows], return_inverse=True, return_counts=True)
    held = np.isin(texts[rows], np.array([text_key(text_hash) for text_hash in known], np.int64))
    rows = rows[(counts[inverse] > 1) | held]
    columns = ["text_hash", "date", "source", "horoscope_id"]
    shared = keys.select(columns).take(rows).append_column("row", pa.array(rows))
    shared = shared.take(pc.sort_indices(shared, [(name, "ascending") for name in columns]))
    copies, keepers, keeper_of = [], [], dict(known)
    for row, text, name in zip(*(shared.column(c).to_pylist() for c in ("row", "text_hash", "horoscope_id"))):
        keeper = keeper_of.setdefault(text, name)
        if keeper != name:
            copies.append(row)
            keepers.append(keeper)
    return Copies(np.array(copies, np.int64), keepers)


def text_key(text_hash: str) -> int:
    """The first 64 bits of a text_hash, as in `schema.KEYS`."""
    return int(np.frombuffer(bytes.fromhex(text_hash), "<i8", 1)[0])


def integers(column: Any) -> "tuple[np.ndarray, np.ndarray]":
    """A column's numbers, 0 for null, and where it is not null."""
    return pc.fill_null(column, 0).to_numpy(), pc.is_valid(column).to_numpy()


def ranks(column: Any) -> np.ndarray:
    """Numbers in the order of the strings, the least for null."""
    encoded = pc.dictionary_encode(one_chunk(pc.fill_null(column, "")))
    place = np.empty(len(encoded.dictionary), np.int64)
    place[np.argsort(np.array(encoded.dictionary.to_pylist(), object))] = np.arange(len(place))
    return place[encoded.indices.to_numpy()]
