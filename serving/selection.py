"""The day's own gates and the choice: every candidate of a day in, one text a cell out, the same for the
same input.

A candidate that passed the model's gates must also not contradict the season, not repeat a text of the
last days, and not repeat another sign's text of the same day. Likeness is counted in runs of three words,
so a phrase may return and a text may not.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

WORD = re.compile(r"\w+")
RUN_WORDS = 3
MAX_SHARED = 0.5
"""Share of the shorter text's word runs that may occur in one other text."""

MONTH_STEMS = ("январ феврал март апрел ма(?=[йяюе]) июн июл август сентябр октябр ноябр декабр").split()  # noqa: SIM905
MONTH_WORDS = [re.compile(rf"\b{stem}(?:ь|я|ю|е|ем|ём|й|а|у|ом)?\b") for stem in MONTH_STEMS]
SEASON_WORDS = {
    "winter": re.compile(r"\b(зимой|зимн\w+|новогодн\w+|рождественск\w+|снегопад\w*|метел\w+|сугроб\w*)\b"),
    "spring": re.compile(r"\b(весной|весенн\w+|капел\w+|подснежник\w*)\b"),
    "summer": re.compile(r"\b(летом|летн(?:ий|яя|ее|ие|его|ей|их|им|ими|ем|юю)|на пляже)\b"),
    "autumn": re.compile(r"\b(осенью|осенн\w+|листопад\w*)\b"),
}
SEASONS = (
    "winter",
    "winter",
    "spring",
    "spring",
    "spring",
    "summer",
    "summer",
    "summer",
    *["autumn"] * 3,
    "winter",
)


class DayGate(StrEnum):
    """Why a text that the model's gates passed is still not for this day."""

    SEASON = "season_fits"
    PAST = "unlike_last_days"
    SIGNS = "unlike_other_signs"


@dataclass(frozen=True)
class Candidate:
    """One sampled text with what the model's gates said of it."""

    sign: str
    topic: str
    language: str
    text: str
    seed: int
    gates: dict[str, bool]
    score: float
    """Higher is better; compared within one cell only."""

    @property
    def cell(self) -> tuple[str, str]:
        return self.topic, self.sign


def word_runs(text: str) -> frozenset[str]:
    """Runs of three words of the text, letters' case and ё aside; a shorter text is one run."""
    words = WORD.findall(text.lower().replace("ё", "е"))
    return frozenset(" ".join(words[i : i + RUN_WORDS]) for i in range(max(1, len(words) - RUN_WORDS + 1)))


class SeenTexts:
    """Texts already told, searchable by likeness."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._sizes: list[int] = []
        self._by_run: dict[str, list[int]] = defaultdict(list)
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        runs = word_runs(text)
        for run in runs:
            self._by_run[run].append(len(self._sizes))
        self._sizes.append(len(runs))

    def likeness(self, text: str) -> float:
        """0-1: the largest share of word runs in common with one seen text, of the shorter of the two."""
        runs = word_runs(text)
        shared = Counter(seen for run in runs for seen in self._by_run.get(run, ()))
        return max((count / min(len(runs), self._sizes[seen]) for seen, count in shared.items()), default=0.0)


def contradicts_season(text: str, day: dt.date) -> bool:
    """Whether the text speaks of a month or a season that no day within 31 days of this one is in."""
    words = text.lower().replace("ё", "е")
    near = {(day + dt.timedelta(days=offset)).month for offset in (-31, 0, 31)}
    months = {number for number, pattern in enumerate(MONTH_WORDS, start=1) if pattern.search(words)}
    seasons = {name for name, pattern in SEASON_WORDS.items() if pattern.search(words)}
    return bool(months - near) or bool(seasons - {SEASONS[month - 1] for month in near})


@dataclass
class Choice:
    """One cell's outcome: the kept candidate with all its gates, and how many were sampled."""

    candidate: Candidate
    gates: dict[str, bool]
    sampled: int


class Selection:
    """Chooses cell by cell, in the order asked; what is chosen counts against the cells after it."""

    def __init__(self, day: dt.date, past_texts: Iterable[str]) -> None:
        self.day = day
        self.choices: dict[tuple[str, str], Choice] = {}
        self.refusals: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        """Cell → reason → candidates refused; for the message when a cell stays empty."""
        self._reserve: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
        """Cell → candidates whose only fault is to be like a text of the last days."""
        self._past = SeenTexts(past_texts)
        self._today = SeenTexts()
        self._sampled: Counter[tuple[str, str]] = Counter()

    def day_gates(self, text: str) -> dict[str, bool]:
        return {
            DayGate.SEASON: not contradicts_season(text, self.day),
            DayGate.PAST: self._past.likeness(text) <= MAX_SHARED,
            DayGate.SIGNS: self._today.likeness(text) <= MAX_SHARED,
        }

    def choose(self, candidates: Iterable[Candidate]) -> None:
        """Fill the cells of `candidates` that are still empty, best score first, ties by seed."""
        by_cell: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            by_cell[candidate.cell].append(candidate)
        for cell, found in by_cell.items():
            if cell not in self.choices:
                self._choose_cell(
                    cell, sorted(found, key=lambda candidate: (-candidate.score, candidate.seed))
                )

    def _choose_cell(self, cell: tuple[str, str], ranked: list[Candidate]) -> None:
        self._sampled[cell] += len(ranked)
        for candidate in ranked:
            gates = {**candidate.gates, **self.day_gates(candidate.text)}
            failed = [name for name, passed in gates.items() if not passed]
            if not failed:
                self._keep(candidate, gates)
                return
            if failed == [DayGate.PAST]:
                self._reserve[cell].append(candidate)
            self.refusals[cell].update(map(str, failed))

    def use_reserve(self) -> int:
        """Fill empty cells with the reserve, the least like the last days first, that gate failed; how many.

        A reader who meets a phrase of three weeks ago is better off than one who meets no day at all.
        """
        used = 0
        for cell in sorted(self._reserve.keys() - self.choices.keys()):
            ranked = sorted(self._reserve[cell], key=lambda candidate: self._past.likeness(candidate.text))
            for candidate in ranked:
                gates = {**candidate.gates, **self.day_gates(candidate.text)}
                if all(passed for name, passed in gates.items() if name != DayGate.PAST):
                    self._keep(candidate, gates)
                    used += 1
                    break
        return used

    def _keep(self, candidate: Candidate, gates: dict[str, bool]) -> None:
        plain = {str(name): passed for name, passed in gates.items()}
        self.choices[candidate.cell] = Choice(candidate, plain, self._sampled[candidate.cell])
        self._today.add(candidate.text)
