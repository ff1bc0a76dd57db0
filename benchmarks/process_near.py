"""Near duplicates found by us and by peers among the same texts: in come texts, out come seconds and how
many of the pairs each one finds.

Everybody's candidates are measured on the words themselves before they count, so a pair is never wrong; who
finds more of the pairs at SIMILARITY is better, who needs less time is faster.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.raw_rows import texts as drawn_texts
from spark_processing.cleaning import comparison_key
from spark_processing.near_duplicates import (
    candidate_pairs,
    choose_representatives,
    similarities,
    sketches_of,
)
from spark_processing.shingles import SHINGLE_WORDS, shingles_of

SIMILARITY = 0.5
Found = set[tuple[int, int]]


def generated(count: int) -> list[str]:
    """Texts drawn word by word, of which each tenth is another one with two words changed."""
    rng = np.random.default_rng(5)
    keys = [comparison_key(text) for text in drawn_texts(rng, count)]
    for place in range(10, count, 10):
        words = keys[place - int(rng.integers(1, 10))].split()
        for at in rng.integers(0, len(words), 2):
            words[at] = "иначе"
        keys[place] = " ".join(words)
    return list(dict.fromkeys(keys))


def archive(path: Path) -> list[str]:
    """The different texts of 100 characters and more in a file of JSON lines with a field `text`."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        keys = (comparison_key(json.loads(line)["text"] or "") for line in lines)
        return list(dict.fromkeys(key for key in keys if len(key) >= 100))


def runs_of(key: str) -> set[str]:
    words = key.split()
    return {" ".join(words[at : at + SHINGLE_WORDS]) for at in range(max(1, len(words) - SHINGLE_WORDS + 1))}


def ours(keys: list[str]) -> Found:
    shingles = shingles_of(keys)
    pairs = candidate_pairs(sketches_of(shingles))
    near = similarities(shingles, pairs) >= SIMILARITY
    choose_representatives(
        zip(pairs.earlier[near].tolist(), pairs.later[near].tolist(), [1.0] * near.sum(), strict=True)
    )
    return set(zip(pairs.earlier[near].tolist(), pairs.later[near].tolist(), strict=True))


def datasketch(keys: list[str]) -> Found:
    """128 permutations, bands chosen by datasketch for the threshold; its candidates verified."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=SIMILARITY, num_perm=128)
    sets = [runs_of(key) for key in keys]
    found = set()
    for place, own in enumerate(sets):
        sketch = MinHash(num_perm=128)
        sketch.update_batch([run.encode() for run in own])
        for other in index.query(sketch):
            if len(own & sets[other]) >= SIMILARITY * len(own | sets[other]):
                found.add((other, place))
        index.insert(place, sketch)
    return found


PEERS: dict[str, Callable[[list[str]], Found]] = {"ours": ours, "datasketch": datasketch}


def compare(keys: list[str]) -> dict[str, Any]:
    """Seconds, pairs and recall of each; a pair counts for the recall when anybody found it."""
    found, figures = {}, {}
    for name, peer in PEERS.items():
        wall, cpu = time.monotonic(), time.process_time()
        found[name] = peer(keys)
        figures[name] = {"s": round(time.monotonic() - wall, 2), "cpu_s": round(time.process_time() - cpu, 2)}
    every = set.union(*found.values())
    for name, pairs in found.items():
        figures[name].update(pairs=len(pairs), recall=round(len(pairs) / max(1, len(every)), 4))
    return {"texts": len(keys), "peers": figures}
