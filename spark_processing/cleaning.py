"""From a text as published to the text a model may learn: in comes a string, out come the clean string and
what changed.

Plain Python, so that one horoscope can be followed step by step, on a laptop or inside a Spark task. A step's
name is the flag a text gets when the step changed it. Cleaning a clean text changes nothing.

    >>> clean("Овен: день  удачен ,звёзды c вами... Читать далее").text
    'день удачен, звёзды с вами…'
"""

from __future__ import annotations

import re
from typing import Callable, List, NamedTuple, Tuple

from spark_processing.characters import (
    has_mojibake,
    has_unusual,
    html_removed,
    lookalikes_repaired,
    mojibake_repaired,
    signs_unified,
    spaces_repaired,
    symbols_removed,
)
from spark_processing.page_residue import (
    advert_removed,
    has_heading,
    has_marker,
    heading_removed,
    residue_removed,
)
from spark_processing.typography import is_badly_set, typography_repaired

MAX_PASSES = 8
"""One step may make work for another (`&amp;lt;b>` is two passes away from text); texts settle in two or
three."""

STAGES: Tuple[Tuple[Callable[[str], bool], Tuple[Callable[[str], str], ...]], ...] = (
    (
        has_unusual,
        (
            mojibake_repaired,
            html_removed,
            spaces_repaired,
            signs_unified,
            lookalikes_repaired,
            symbols_removed,
        ),
    ),
    (has_heading, (heading_removed,)),
    (has_marker, (advert_removed, residue_removed)),
    (is_badly_set, (typography_repaired,)),
)
"""A stage's steps run only where its look finds work for them: ordinary prose costs four looks."""


class Cleaned(NamedTuple):
    text: str
    flags: Tuple[str, ...]
    """Names of the steps that changed something, as they came."""


def clean(text: str) -> Cleaned:
    """The clean text, `''` when nothing of it is text. A text in a broken encoding is left as it is."""
    changed: List[str] = []
    for _ in range(MAX_PASSES):
        before = text
        for needs_work, steps in STAGES:
            for step in steps if needs_work(text) else ():
                after = step(text)
                if after != text:
                    changed.append(step.__name__)
                    text = after
                if step is mojibake_repaired and has_mojibake(text):
                    return Cleaned(text, ())
        if text == before:
            break
    return Cleaned(text, tuple(dict.fromkeys(changed)))


_WORD = re.compile(r"[^\W_]+")


def comparison_key(text: str) -> str:
    """What two prints of one text have in common: lower case, ё as е, letters and digits, single spaces."""
    return " ".join(_WORD.findall(text.lower().replace("ё", "е")))
