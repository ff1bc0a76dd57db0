"""How much a source repeats itself: in come the shingles of its texts, out comes the share that is different.

A source whose texts begin to come from a machine, or from a shrinking stock of phrases, shows here before it
shows anywhere else.
"""

from __future__ import annotations

from typing import Any, Dict, List

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_processing.duplicates import integers, ranks
from spark_processing.ledger import starts_of
from spark_processing.shingles import as_array

SAMPLE = 48
"""Texts of one source and month that are compared: more texts repeat more, so the number is the same for
all."""


def diversity_by_month(keys: pa.Table, is_open: np.ndarray) -> List[Dict[str, Any]]:
    """`source`, `month`, `texts` compared, `distinct`: the share of different shingles among theirs. Sources
    with fewer than SAMPLE texts in a month are left out."""
    rows = keys.filter(pa.array(is_open)).select(["source", "date", "id_key", "shingles"])
    months = pc.utf8_slice_codeunits(rows.column("date"), 0, 7)
    columns = [ranks(rows.column("source")), ranks(months)]
    order = np.lexsort((integers(rows.column("id_key"))[0], *columns[::-1]))
    begins = np.flatnonzero(starts_of(*(column[order] for column in columns)))
    lines = []
    for group in np.split(order, begins[1:]):
        if len(group) >= SAMPLE:
            sample = rows.take(pa.array(group[:SAMPLE]))
            shingles = [as_array(own) for own in sample.column("shingles").to_pylist()]
            distinct = len(np.unique(np.concatenate(shingles))) / sum(map(len, shingles))
            source, month = rows.column("source")[int(group[0])].as_py(), months[int(group[0])].as_py()
            lines.append({"source": source, "month": month, "texts": SAMPLE, "distinct": round(distinct, 4)})
    return lines
