"""A writer with no model: endless distinct texts from a seed. As a program it publishes days, for tests
that kill it.

python tests/serving/fake_model.py STORAGE 2026-11-23 [2026-11-24 …]
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from serving.publish import publish_day
from serving.registered import CannotWriteError
from serving.selection import Candidate

WORD_LINES = (
    "утро день вечер разговор дорога письмо друг работа дом встреча решение мысль покой радость шаг "
    "план окно чай звезда удача семья время слово дело сила мир ответ вопрос книга музыка город парк "
    "река ветер свет улыбка"
)
WORDS = WORD_LINES.split()


def text_of(*seed_parts: object) -> str:
    dice = random.Random(hashlib.sha256(repr(seed_parts).encode()).digest())
    text = ""
    while len(text) < 320:
        sentence = " ".join(dice.choice(WORDS) for _ in range(dice.randint(6, 10)))
        text += sentence.capitalize() + ". "
    return text.strip()


@dataclass
class FakeWriter:
    version: str = "1"
    refuse: frozenset = frozenset()
    """Cells whose candidates the model's own gates always refuse."""
    same: bool = False
    """Whether every cell gets the same text."""
    calls: list = field(default_factory=list)

    def write(self, day, cells, candidates, attempt):
        self.calls.append((tuple(cells), attempt))
        return [
            Candidate(
                sign=sign,
                topic=topic,
                language="ru",
                text=text_of("same")
                if self.same
                else text_of(day, topic, sign, attempt, number, self.version),
                seed=attempt * 1000 + number,
                gates={"format": (topic, sign) not in self.refuse, "own_sign": True},
                score=float(number),
            )
            for topic, sign in cells
            for number in range(candidates)
        ]


@dataclass
class FakeModel:
    writer: FakeWriter = field(default_factory=FakeWriter)
    status: str = "champion"
    broken: bool = False

    def lineage(self):
        return {
            "name": "horoscope",
            "version": self.writer.version,
            "run_id": "0" * 32,
            "dataset_version": "0123456789ab",
            "sources": ["demo_site"],
        }

    def load(self):
        if self.broken:
            raise CannotWriteError("weights are damaged")
        return self.writer


def publish(root, day, models=None, topics=("general", "love"), candidates=2, **options):
    options.setdefault("generated_at", "2026-11-22T20:00:00+00:00")
    return publish_day(str(root), day, models or [FakeModel()], list(topics), candidates, **options)


if __name__ == "__main__":
    for iso in sys.argv[2:]:
        print(publish(sys.argv[1], dt.date.fromisoformat(iso)), flush=True)
