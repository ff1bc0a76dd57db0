"""Whether a text says what our readers had lately. In: texts and the address of `published/`. Out: how much
of each text stood in one text of the last 30 published days.
"""

import datetime as dt
import json
from collections.abc import Sequence

import fsspec

from model_training.gates import Gates

DAYS = 30


def published_texts(address: str, until: dt.date, days: int = DAYS) -> list[str]:
    """Texts of the last `days` published days up to `until`; none where nothing was published yet."""
    fs, root = fsspec.core.url_to_fs(address)
    found = sorted(fs.glob(f"{root.rstrip('/')}/date=*/horoscopes.json"))
    dated = [(dt.date.fromisoformat(path.split("date=")[1][:10]), path) for path in found]
    texts = []
    for _, path in [(day, path) for day, path in dated if day <= until][-days:]:
        with fs.open(path, "rt", encoding="utf-8") as file:
            texts += [entry["text"] for entry in json.load(file)["texts"]]
    return texts


def shares_seen(texts: Sequence[str], published: Sequence[str]) -> list[float]:
    """For each text, the largest share of its five-word runs that one published text has."""
    index = Gates.build(published, [])
    return [index.nearest(text)[0] for text in texts]
