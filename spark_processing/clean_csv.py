"""Clean rows as CSV: every string in quotes, quotes doubled, LF; flags joined by `|`, an absent value and an
empty one look the same."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from spark_processing.ordinary import one_chunk
from spark_processing.schema import CLEAN

HEADER = ",".join(CLEAN.names) + "\n"


def csv_lines(clean: pa.Table) -> bytes:
    """The rows, as `schema.CLEAN`, without a header."""
    flags = pc.binary_join(one_chunk(clean.column("quality_flags")), "|")
    flat = clean.set_column(clean.schema.get_field_index("quality_flags"), "quality_flags", flags)
    lines = pa.BufferOutputStream()
    pyarrow.csv.write_csv(flat, lines, pyarrow.csv.WriteOptions(include_header=False))
    return lines.getvalue().to_pybytes()
