"""What years of history cost a day: in comes a number of kept texts, out comes a storage whose dataset holds
as many.

Only what a daily run reads is made: raw manifests, dataset.json, one ledger, and the tables of known ids and
texts, filled with random numbers of the right shape.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.raw_rows import ROWS_OF_A_DAY, SOURCES
from spark_processing.dataset import Dataset, Part, write_dataset
from spark_processing.history import IDS, ROWS_PER_BATCH, TEXTS
from spark_processing.rules import RULES_VERSION, Options
from spark_processing.schema import KNOWN_IDS, KNOWN_TEXTS, SIGNS
from spark_processing.storage import Folder

SHINGLES = 55


def write_history(root: Path, texts: int) -> None:
    """A storage whose one part keeps so many texts, collected by runs of a usual size."""
    covered = {}
    for run in range(-(-texts // ROWS_OF_A_DAY)):
        day, source = f"{1990 + run // 5000}-{run // 400 % 12 + 1:02d}-01", SOURCES[run % len(SOURCES)]
        path = f"raw/date={day}/source={source}/run=19900101T000000Z-{run:08x}/manifest.json"
        content = json.dumps({"schema": 1, "outcome": "complete", "parts": []}).encode()
        (root / path).parent.mkdir(parents=True)
        (root / path).write_bytes(content)
        covered[path] = hashlib.sha256(content).hexdigest()
    part = Part("0" * 16, texts, "1990-01-01", "2019-12-31")
    folder = root / part.folder
    (folder / "known").mkdir(parents=True)
    rng = np.random.default_rng(3)
    for name, schema in ((IDS, KNOWN_IDS), (TEXTS, KNOWN_TEXTS)):
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_file(sink, schema) as file:
            for begin in range(0, texts, ROWS_PER_BATCH):
                file.write_batch(batch_of(rng, schema, min(ROWS_PER_BATCH, texts - begin)))
    lines = [
        {"source": source, "sign": sign, "rows_in": texts, "kept": texts, "rejected": {}}
        for source in SOURCES
        for sign in SIGNS
    ]
    ledger = {"kept": texts, "rejected": {}, "by_source_sign": lines, "diversity": [], "warnings": []}
    (folder / "ledger.json").write_text(json.dumps(ledger))
    write_dataset(Folder(str(root)), Dataset(RULES_VERSION, Options().as_json(), [part], covered))


def batch_of(rng: np.random.Generator, schema: pa.Schema, rows: int) -> pa.RecordBatch:
    """Random rows of a table of what is known."""
    keys = pa.array(rng.integers(-(2**63), 2**63 - 1, rows))
    if schema is KNOWN_IDS:
        return pa.record_batch([keys], schema=schema)
    shingles = rng.integers(-(2**31), 2**31 - 1, (rows, SHINGLES), np.int32)
    sketches = np.sort(shingles[:, :10], axis=1)
    names = pa.array([f"{number:032x}" for number in range(rows)])
    fixed = {
        "text_key": keys,
        "sketch": pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(40), rows, [None, pa.py_buffer(sketches.tobytes())]
        ),
        "represents": pa.array([True] * rows),
        "shingles": pa.array([own.tobytes() for own in shingles], pa.binary()),
    }
    filled = {"date": pa.array(["2019-01-01"] * rows), "source": pa.array([SOURCES[0]] * rows)}
    columns = [fixed.get(name, filled.get(name, names)) for name in schema.names]
    return pa.record_batch(columns, schema=schema)
