"""Texts that are nearly the same: in come texts by their shingles, from the earliest on, out come the
members of clusters.

Likeness is the Jaccard similarity of two texts' word shingles. Candidates come from a MinHash sketch, the
SKETCH smallest shingle hashes: two texts that share two of them meet. Each candidate pair is then measured on
its whole shingle sets, and only measured pairs count. A text joins the earliest representative it resembles,
else it becomes one: there are no chains, each member resembles its representative.
"""

from __future__ import annotations

from typing import Dict, Iterable, Iterator, List, NamedTuple

import numpy as np

from spark_processing.shingles import HASH, SKETCH, as_array

CROWD = 40
"""Where more texts meet, each is compared with the first of this many: a stock phrase shared by thousands is
no evidence."""
KEYS_AT_ONCE = 1 << 23
PAIRS_AT_ONCE = 1 << 17

_ONE, _OTHER = np.triu_indices(SKETCH, 1)


class Pairs(NamedTuple):
    """Texts by their places, earlier < later, sorted by later, then earlier."""

    earlier: np.ndarray
    later: np.ndarray


class Member(NamedTuple):
    """A text that resembles an earlier one, by their places."""

    text: int
    representative: int
    similarity: float


def find_members(shingles: List[bytes], held: int, threshold: float) -> List[Member]:
    """The members of clusters among texts that are given from the earliest on.

    The first `held` texts are the dataset's own representatives: what they are to each other was decided when
    they came.
    """
    pairs = candidate_pairs(sketches_of(shingles), held)
    likeness = similarities(shingles, pairs)
    near = likeness >= threshold
    return choose_representatives(
        zip(pairs.earlier[near].tolist(), pairs.later[near].tolist(), likeness[near].tolist())
    )


def sketches_of(shingles: List[bytes]) -> np.ndarray:
    """One row a text: its SKETCH smallest hashes, the last repeated where it has fewer."""
    sketches = np.empty((len(shingles), SKETCH), HASH)
    for place, own in enumerate(shingles):
        least = as_array(own)[:SKETCH]
        sketches[place, : len(least)] = least
        sketches[place, len(least) :] = least[-1]
    return sketches


def candidate_pairs(sketches: np.ndarray, held: int = 0) -> Pairs:
    """Pairs of texts whose sketches share two values, the later one not among the first `held`."""
    found = np.unique(np.concatenate([*_meetings(sketches, held), np.empty(0, np.int64)]))
    return Pairs(found & 0xFFFFFFFF, found >> 32)


def _meetings(sketches: np.ndarray, held: int) -> Iterator[np.ndarray]:
    """Pairs as later << 32 | earlier, in chunks that fit into memory; a pair may come several times."""
    _, inverse, counts = np.unique(sketches, return_inverse=True, return_counts=True)
    shared = (counts[inverse] > 1).reshape(sketches.shape)
    texts = np.flatnonzero(shared.sum(1) > 1)
    chunks = max(1, -(-len(texts) * len(_ONE) // KEYS_AT_ONCE))
    unsigned = sketches[texts].view("<u4").astype(np.uint64)
    for chunk in range(chunks):
        keys, places = [], []
        for one, other in zip(_ONE, _OTHER):
            meets = shared[texts, one] & shared[texts, other] & (unsigned[:, one] != unsigned[:, other])
            meets &= (unsigned[:, one] + unsigned[:, other]) % np.uint64(chunks) == chunk
            keys.append(unsigned[meets, one] << np.uint64(32) | unsigned[meets, other])
            places.append(texts[meets])
        yield from _pairs_of_groups(np.concatenate(keys), np.concatenate(places), held)


def _pairs_of_groups(keys: np.ndarray, places: np.ndarray, held: int) -> Iterator[np.ndarray]:
    """Pairs of the places that share a key."""
    order = np.lexsort((places, keys))
    keys, places = keys[order], places[order]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.empty(0, np.int64)
    sizes = np.diff(np.r_[starts, len(keys)])
    for step in range(1, min(CROWD, int(sizes.max(initial=1)) - 1) + 1):
        # the `step`-th text of each group meets all that follow it in the group
        first = starts[sizes > step] + step - 1
        follow = sizes[sizes > step] - step
        earlier = np.repeat(places[first], follow)
        later = places[np.repeat(first + 1 - np.cumsum(follow) + follow, follow) + np.arange(follow.sum())]
        is_new = later >= held
        yield np.unique(later[is_new] << 32 | earlier[is_new])


def similarities(shingles: List[bytes], pairs: Pairs) -> np.ndarray:
    """The Jaccard similarity of each pair, to four digits."""
    sizes = np.array([len(own) for own in shingles], np.int64) // HASH.itemsize
    values = np.frombuffer(b"".join(shingles), HASH).view("<u4").astype(np.uint64)
    starts = np.cumsum(sizes) - sizes
    found = [np.empty(0)]
    for begin in range(0, len(pairs.later), PAIRS_AT_ONCE):
        chunk = slice(begin, begin + PAIRS_AT_ONCE)
        found.append(_jaccard(values, starts, sizes, pairs.earlier[chunk], pairs.later[chunk]))
    return np.round(np.concatenate(found), 4)


def _jaccard(
    values: np.ndarray, starts: np.ndarray, sizes: np.ndarray, one: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """By sorting the values of both texts pair by pair: a value they share stands twice."""
    number = np.arange(len(one), dtype=np.uint64) << np.uint64(32)
    both = []
    for end in (one, other):
        lengths = sizes[end]
        at = np.repeat(starts[end] - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        both.append(np.repeat(number, lengths) | values[at])
    merged = np.sort(np.concatenate(both))
    twice = merged[1:][merged[1:] == merged[:-1]] >> np.uint64(32)
    shared = np.bincount(twice.astype(np.int64), minlength=len(one))
    return shared / (sizes[one] + sizes[other] - shared)


def choose_representatives(pairs: Iterable["tuple[int, int, float]"]) -> List[Member]:
    """Who joins whom, from (earlier, later, similarity) sorted by later, then earlier: each text joins the
    earliest representative it resembles, else it becomes one."""
    members: Dict[int, Member] = {}
    for earlier, later, similarity in pairs:
        if later not in members and earlier not in members:
            members[later] = Member(later, earlier, similarity)
    return list(members.values())
