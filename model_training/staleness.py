"""Whether to train anew. In: what a run would learn from, and the champion. Out: why not, with figures, or
nothing.

A champion is trained anew when enough new text has come, when the recipe changed, or when it foretells the
texts of the last days clearly worse than those it was promoted on: sites change how they write.
"""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_training.corpus import Horoscope
from model_training.prompts import PromptTemplate, controls_of

MIN_NEW_TEXTS, MIN_NEW_SHARE = 500, 0.05
"""So many new deduplicated texts, or this share of what the champion learnt from, whichever is more."""
LAST_DAYS, WORSE = 14, 1.03
"""Bits per character of these days against those at promotion."""
MAX_TEXTS = 400


@dataclass(frozen=True)
class Drift:
    """The champion on the last days beside what it was promoted with, bits per character."""

    now: float
    texts: int
    then: float

    @property
    def is_stale(self) -> bool:
        return self.now > WORSE * self.then

    def __str__(self) -> str:
        return (
            f"bits per character {self.now:.3f} on {self.texts} texts of the last {LAST_DAYS} days, "
            f"{self.then:.3f} at promotion, {WORSE * self.then:.3f} would be stale"
        )


def reason_to_skip(
    recipe: str, dataset: dict[str, Any], rows: Sequence[Horoscope], registry: str
) -> str | None:
    """Why the champion of `registry` need not be trained anew; None when it must. `recipe`: a fingerprint."""
    from model_training import registry as versions

    champion = versions.champion_or_none(registry)
    if champion is None or champion.recipe != recipe:
        return None
    if champion.dataset_version == dataset["version"]:
        return f"champion {champion.version} was trained on this dataset, {champion.dataset_version}"
    new, needed = dataset["rows"] - champion.rows, max(MIN_NEW_TEXTS, MIN_NEW_SHARE * champion.rows)
    if new >= needed:
        return None
    said = f"{new} new texts since champion {champion.version}, {needed:.0f} needed"
    drift = drift_of(champion.path, rows)
    if drift is None:
        return f"{said}; no text of the last {LAST_DAYS} days that it has not learnt"
    return None if drift.is_stale else f"{said}; {drift}"


def drift_of(model: Path, rows: Sequence[Horoscope]) -> Drift | None:
    """None when the last days hold no text that the model has not learnt from."""
    from model_training.engines.pretrained import TorchEngine
    from model_training.likelihood import bits_of

    unseen_from = dt.date.fromisoformat(_read(model / "metrics.json")["test_from"])
    last = max(row.date for row in rows)
    since = max(unseen_from, last - dt.timedelta(days=LAST_DAYS - 1))
    lately = sorted((row for row in rows if row.date >= since), key=lambda row: row.horoscope_id)[:MAX_TEXTS]
    if not lately:
        return None
    template = PromptTemplate.load(model / "prompt.json")
    pairs = [
        (template.render(controls_of(row.sign, row.topic, row.clean_text)), row.clean_text) for row in lately
    ]
    bits = bits_of(TorchEngine(model), pairs)
    then = _read(model / "evaluation.json")["metrics"]["bits_per_character"]["value"]
    return Drift(float(bits.sum()) / sum(len(row.clean_text) for row in lately), len(lately), then)


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
