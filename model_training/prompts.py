"""What the model is asked. In: a sign, a topic, a length. Out: the prompt, the same in training, evaluation
and serving.

The template is saved as `prompt.json` beside the weights, and whoever loads the weights renders with that
copy, so a model never meets a prompt it was not taught. No date is in it: a text must not lean on a day it
has never seen.

Run: `python -m model_training.prompts leo love` prints one prompt.
"""

import json
import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SIGN_NAMES = {
    "aries": "Овен",
    "taurus": "Телец",
    "gemini": "Близнецы",
    "cancer": "Рак",
    "leo": "Лев",
    "virgo": "Дева",
    "libra": "Весы",
    "scorpio": "Скорпион",
    "sagittarius": "Стрелец",
    "capricorn": "Козерог",
    "aquarius": "Водолей",
    "pisces": "Рыбы",
}
TOPIC_NAMES = {
    "general": "день",
    "love": "любовь",
    "business": "дела",
    "health": "самочувствие",
    "career": "карьера",
    "finance": "деньги",
    "erotic": "страсть",
    "anti": "антигороскоп",
    "cook": "кухня",
    "mobile": "общение",
    "family": "семья",
    "beauty": "красота",
    "man": "для мужчин",
    "woman": "для женщин",
    "teen": "для подростков",
    "flirt": "флирт",
    "friends": "друзья",
}
TONE_NAMES = {"positive": "светлый", "neutral": "ровный", "warning": "осторожный"}
"""What `tone.tone_of` can find."""
LENGTH_BUCKETS = (0, 200, 300, 350, 400, 450, 500)
"""Lower bounds, characters; the last one is open."""


@dataclass(frozen=True)
class PromptTemplate:
    """Control lines in order, then an empty line. A field that is not given has no line."""

    lines: dict[str, str]
    """Field -> its line with `{}` where the value goes."""
    values: dict[str, dict[str, str]]
    """Field -> value in the data -> word in the prompt."""

    def render(self, controls: Mapping[str, str]) -> str:
        """The prompt for `controls` (field -> value). Raises ValueError, listing the known ones, on anything
        else."""
        for field, value in controls.items():
            if value not in self.values.get(field, {}):
                known = ", ".join(self.values.get(field, self.lines))
                raise ValueError(f"expected one of {known}, found {value!r}, in prompt field {field}")
        given = [line.format(self.values[f][controls[f]]) for f, line in self.lines.items() if f in controls]
        return "\n".join([*given, "", ""])

    def without(self, field: str) -> "PromptTemplate":
        """The template of a model that is not taught `field`."""
        return PromptTemplate(
            {name: line for name, line in self.lines.items() if name != field},
            {name: known for name, known in self.values.items() if name != field},
        )

    def save(self, path: Path) -> None:
        document = {"schema": 1, "lines": self.lines, "values": self.values}
        path.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "PromptTemplate":
        document = json.loads(path.read_text(encoding="utf-8"))
        return cls(lines=document["lines"], values=document["values"])


def bucket_name(low: int, high: int | None) -> str:
    return f"{low}-{high}" if high else f"{low}+"


BUCKET_NAMES = tuple(
    bucket_name(low, high) for low, high in zip(LENGTH_BUCKETS, (*LENGTH_BUCKETS[1:], None), strict=True)
)

DEFAULT_TEMPLATE = PromptTemplate(
    lines={"sign": "Знак: {}", "topic": "Тема: {}", "tone": "Тон: {}", "length": "Длина: {}"},
    values={
        "sign": SIGN_NAMES,
        "topic": TOPIC_NAMES,
        "tone": TONE_NAMES,
        "length": {name: name for name in BUCKET_NAMES},
    },
)


def length_bucket(chars: int) -> str:
    """The name of the bucket that holds a text of `chars` characters."""
    return [name for name, low in zip(BUCKET_NAMES, LENGTH_BUCKETS, strict=True) if chars >= low][-1]


def controls_of(sign: str, topic: str, text: str) -> dict[str, str]:
    """The control fields of one training record but its tone, which some prompts name (`tone.tone_of`)."""
    return {"sign": sign, "topic": topic, "length": length_bucket(len(text))}


def with_some_dropped(controls: Mapping[str, str], share: float, rng: random.Random) -> dict[str, str]:
    """Each field but the sign left out with probability `share`, so that later fewer may be given."""
    return {field: value for field, value in controls.items() if field == "sign" or rng.random() >= share}


def main(argv: list[str] | None = None) -> int:
    sign, topic = (argv if argv is not None else sys.argv[1:])[:2]
    print(DEFAULT_TEMPLATE.render({"sign": sign, "topic": topic, "length": "400-450"}), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
