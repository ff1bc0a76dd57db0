"""The hand-written fragments: `texts/<topic>.toml` comes in, threads and closing lines go out.

A thread is one thought in one tone: an opening, some lines of development in their order, a piece of advice.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TEXTS = Path(__file__).parent / "texts"
TONES = ("bright", "neutral", "careful")
ELEMENTS = ("fire", "earth", "air", "water")


@dataclass(frozen=True)
class Thread:
    """One thought of a topic: `body` lines keep their order, any of them may be left out."""

    name: str
    tone: str
    open: tuple[str, ...]
    body: tuple[str, ...]
    advice: tuple[str, ...]


@dataclass(frozen=True)
class Topic:
    """All that can be said on a topic; `close` maps a tone to its closing lines."""

    threads: tuple[Thread, ...]
    close: dict[str, tuple[str, ...]]

    def fragments(self) -> list[str]:
        """Every hand-written line, in the order of the file."""
        lines = [line for thread in self.threads for line in (*thread.open, *thread.body, *thread.advice)]
        return lines + [line for tone in TONES for line in self.close[tone]]


def topics() -> list[str]:
    """Names of the topics that have texts, sorted."""
    return sorted(path.stem for path in TEXTS.glob("*.toml") if not path.stem.startswith("_"))


@cache
def topic(name: str) -> Topic:
    """Return the fragments of topic `name`; KeyError naming the known topics if there is none."""
    path = TEXTS / f"{name}.toml"
    if not path.is_file():
        raise KeyError(f"expected one of {', '.join(topics())}, found topic {name!r}")
    data = tomllib.loads(path.read_text("utf-8"))
    threads = tuple(
        Thread(item["name"], item["tone"], tuple(item["open"]), tuple(item["body"]), tuple(item["advice"]))
        for item in data["thread"]
    )
    return Topic(threads, {tone: tuple(data["close"][tone]) for tone in TONES})


@cache
def elements() -> dict[str, dict[str, tuple[str, ...]]]:
    """Lines about a temperament: element -> tone -> lines; they follow an opening in topics about people."""
    data = tomllib.loads((TEXTS / "_elements.toml").read_text("utf-8"))
    return {element: {tone: tuple(data[element][tone]) for tone in TONES} for element in ELEMENTS}


@cache
def synonyms() -> dict[str, list[str]]:
    """Words and what may stand for each of them in any fragment."""
    return tomllib.loads((TEXTS / "_synonyms.toml").read_text("utf-8"))
