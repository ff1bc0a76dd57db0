"""A model directory in, horoscopes out: batched sampling, best of several, each text through the gates.

    writer = inference.load("data/models/tiny", version="3")
    texts = writer.write(date(2026, 11, 23), ["aries", "leo"], ["general", "love"], candidates=8)

Each text's randomness comes from (day, sign, topic, model version) alone: the same day gives the same text.
Every sign x topic asked for has one `Text` in the answer, in order; `text` is None where no candidate passed
the gates, and the caller decides what that means. Importing this module loads no torch; `load` does.

Run: `python -m model_training.inference --model DIR --date 2026-11-23 --signs leo --topics love`
"""

import argparse
import datetime as dt
import hashlib
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from model_training.engines import ENGINES, Engine, EngineProblem, open_engine
from model_training.gates import BROKEN, WORD, Gates
from model_training.prompts import SIGN_NAMES, TONE_NAMES, PromptTemplate

MIN_TEXT_CHARS, MAX_TEXT_CHARS = 300, 500
SENTENCE_END = re.compile(r"[.!?…][»”\")]?(?= |$)")
FIRST_ROUND = 6
"""Candidates drawn for every prompt before those without an accepted text get the rest."""


class ModelProblem(Exception):
    """The directory is no usable model; the message says what was expected, found, where, and what to do."""


@dataclass(frozen=True)
class Rejected:
    """A candidate that was not used: its text, as cut, and the gates it failed."""

    text: str
    failed: tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """One published text, with the field names of `horoscopes.json`."""

    sign: str
    topic: str
    language: str
    text: str | None
    """None when no candidate passed every gate."""
    chars: int
    seed: int
    """Of the candidate stream; with the model version it gives the text again."""
    candidates: int
    """How many were sampled."""
    gates: dict[str, bool]
    """Gate name -> passed, of the chosen candidate (of the least bad one when `text` is None)."""
    model_version: str
    accepted: tuple[str, ...] = ()
    """All candidates that passed, the best first: a day's own gates may want the second."""
    rejected: tuple[Rejected, ...] = field(default=(), repr=False)

    def as_published(self) -> dict[str, Any]:
        """The entry of `horoscopes.json`."""
        published = asdict(self)
        del published["accepted"], published["rejected"]
        return published


Place = tuple[dt.date, str, str]
"""What a text is for: day, sign, topic."""


def seed_of(day: dt.date, sign: str, topic: str, model_version: str, attempt: int = 0) -> int:
    """63 bits from what the text is for; nothing else may enter."""
    key = "\x1f".join((day.isoformat(), sign, topic, model_version, str(attempt)))
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1


def cut_to_whole_sentences(text: str, max_chars: int = MAX_TEXT_CHARS) -> str:
    """The longest beginning of at most `max_chars` characters that ends a sentence; empty when there is none.

    A small model sometimes adds scraps to a good text: nothing after the first broken place is kept.
    """
    text = " ".join(text.split())
    broken = BROKEN.search(text)
    limit = min(max_chars, broken.start() + 1 if broken else max_chars)
    ends = [end.end() for end in SENTENCE_END.finditer(text) if end.end() <= limit]
    return text[: ends[-1]] if ends else ""


def word_pairs(text: str) -> set[tuple[str, str]]:
    words = [word.lower() for word in WORD.findall(text)]
    return set(pairwise(words))


def share_said(text: str, said: set[tuple[str, str]]) -> float:
    """The share of a text's word pairs that are in `said`."""
    pairs = word_pairs(text)
    return len(pairs & said) / max(len(pairs), 1)


class Drawn(NamedTuple):
    """One sampled text, cut to whole sentences, and what was found of it."""

    text: str
    log_likelihood: float
    gates: dict[str, bool]

    @property
    def passed(self) -> bool:
        return all(self.gates.values())


class Writer:
    """A loaded model that writes gated texts."""

    tone: str | None = None
    """Asked of every text, if the model was taught tones; None: as it comes."""

    def __init__(self, engine: Engine, template: PromptTemplate, gates: Gates, version: str) -> None:
        self.engine, self.template, self.gates, self.version = engine, template, gates, version

    def write(
        self,
        day: dt.date,
        signs: Sequence[str] = tuple(SIGN_NAMES),
        topics: Sequence[str] = ("general",),
        candidates: int = 8,
        attempt: int = 0,
        rounds: Sequence[int] | None = None,
    ) -> list[Text]:
        """One `Text` for every topic x sign; see `write_cells`."""
        asked = [(sign, topic) for topic in topics for sign in signs]
        return self.write_cells(day, asked, candidates, attempt, rounds)

    def write_cells(
        self,
        day: dt.date,
        asked: Sequence[tuple[str, str]],
        candidates: int,
        attempt: int = 0,
        rounds: Sequence[int] | None = None,
    ) -> list[Text]:
        """One `Text` for every (sign, topic); see `write_places`."""
        places = [(day, sign, topic) for sign, topic in asked]
        return self.write_places(places, candidates, attempt, rounds)

    def write_places(
        self,
        places: Sequence[Place],
        candidates: int,
        attempt: int = 0,
        rounds: Sequence[int] | None = None,
    ) -> list[Text]:
        """One `Text` for every (day, sign, topic), sampling at most `candidates` each; another `attempt`,
        other samples. Several days at once make one batch.

        Raises ValueError, listing the known ones, on a sign or topic the template does not know.
        """
        drawn: dict[Place, list[Drawn]] = {place: [] for place in places}
        first = 0
        for stop in rounds or (min(FIRST_ROUND, candidates), candidates):
            wanting = [place for place in places if not any(draw.passed for draw in drawn[place])]
            jobs = [(place, number) for place in wanting for number in range(first, stop)]
            first = stop
            if not jobs:
                continue
            prompts = [self.prompt(sign, topic, number) for (_, sign, topic), number in jobs]
            seeds = [seed_of(*place, self.version, attempt) + number for place, number in jobs]
            signs_of_jobs = [sign for (_, sign, _), _ in jobs]
            completions = self.engine.complete(prompts, seeds, signs_of_jobs)
            for (place, _), (raw, log_likelihood) in zip(jobs, completions, strict=True):
                text = cut_to_whole_sentences(raw)
                drawn[place].append(Drawn(text, log_likelihood, self.gates.check(text, sign=place[1])))
        texts: list[Text] = []
        said: dict[dt.date, set[tuple[str, str]]] = {day: set() for day, _, _ in places}
        for place in places:
            day, sign, topic = place
            seed = seed_of(*place, self.version, attempt)
            texts.append(self._best((sign, topic), drawn[place], seed, said[day]))
            said[day] |= word_pairs(texts[-1].text or "")
        return texts

    def prompt(self, sign: str, topic: str, number: int = 0) -> str:
        """The prompt of candidate `number`: lengths inside the bounds, more often the long ones.

        A text that should end just above the lower bound is lost if its last sentence must be cut off.
        """
        lengths = ("400-450", "450-500", "400-450", "350-400")
        asked = {"sign": sign, "topic": topic, "length": lengths[number % len(lengths)]}
        return self.template.render(asked | ({"tone": self.tone} if self.tone else {}))

    def _best(
        self, key: tuple[str, str], drawn: Sequence[Drawn], seed: int, said: set[tuple[str, str]]
    ) -> Text:
        """Of what passed, the half the model is surest of has fewest slips; of that half, or the surest two,
        comes first what repeats least of what was `said` for the others: the surest text alone is too often
        the same one."""
        passed = sorted((draw for draw in drawn if draw.passed), key=lambda d: (-d.log_likelihood, d.text))
        accepted = [draw.text for draw in passed]
        if accepted:
            surer = accepted[: max(2, (len(accepted) + 1) // 2)]
            freshest = min(surer, key=lambda text: share_said(text, said))
            accepted.insert(0, accepted.pop(accepted.index(freshest)))
        nearest = max(drawn, key=lambda draw: (sum(draw.gates.values()), len(draw.text)), default=None)
        best = accepted[0] if accepted else None
        return Text(
            sign=key[0],
            topic=key[1],
            language="ru",
            text=best,
            chars=len(best or ""),
            seed=seed,
            candidates=len(drawn),
            gates=dict(nearest.gates) if nearest else {},
            model_version=self.version,
            accepted=tuple(accepted),
            rejected=tuple(
                Rejected(draw.text, tuple(name for name, passed in draw.gates.items() if not passed))
                for draw in drawn
                if not draw.passed
            ),
        )


def load(model_dir: str | Path, version: str | None = None, engine: str = "auto") -> Writer:
    """The model in `model_dir` (a local directory), ready to write. `version` seeds its texts (default: the
    weights' hash); `engine`: see `model_training.engines`.

    Raises ModelProblem when the directory is missing or not whole, or the engine cannot run it.
    """
    folder = check_is_model(model_dir)
    try:
        version = version or json.loads((folder / "metrics.json").read_text())["weights_sha256"][:12]
        template, gates = PromptTemplate.load(folder / "prompt.json"), Gates.load(folder / "train_index.npz")
        return Writer(open_engine(folder, engine), template, gates, version)
    except EngineProblem as error:
        raise ModelProblem(str(error)) from error
    except (KeyError, ValueError, OSError) as error:
        raise ModelProblem(
            f"expected a model of this version, found {type(error).__name__}: {error}, in {folder}; "
            "train it again"
        ) from error


def check_is_model(model_dir: str | Path) -> Path:
    """The directory, if it has every file of a model. Raises ModelProblem otherwise."""
    folder = Path(model_dir)
    needed = ("metrics.json", "config.json", "tokenizer.json", "prompt.json", "train_index.npz")
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        raise ModelProblem(
            f"expected a trained model, found no {', '.join(missing)}, in {folder}; "
            "train one with model_training.train"
        )
    return folder


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Write horoscopes with a trained model and show which passed."
    )
    parser.add_argument("--model", required=True, help="model directory, as model_training.train writes it")
    parser.add_argument("--date", type=dt.date.fromisoformat, required=True, help="the day the texts are for")
    parser.add_argument("--signs", default=",".join(SIGN_NAMES), help="comma-separated, default all")
    parser.add_argument("--topics", default="general", help="comma-separated, default general")
    parser.add_argument("--tone", choices=TONE_NAMES, help="tone of all texts, if the model was taught any")
    parser.add_argument("--candidates", type=int, default=8, help="samples for each text at most, default 8")
    parser.add_argument(
        "--engine", choices=ENGINES, default="auto", help="what samples, default: the fastest"
    )
    args = parser.parse_args(argv)
    started = time.monotonic()
    try:
        writer = load(args.model, engine=args.engine)
        writer.tone = args.tone
        texts = writer.write(args.date, args.signs.split(","), args.topics.split(","), args.candidates)
    except (ModelProblem, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for text in texts:
        print(f"{text.sign}/{text.topic}: {text.text or '— nothing passed'}")
    failed = Counter(name for text in texts for bad in text.rejected for name in bad.failed)
    summary = {
        "step": "write",
        "outcome": "done",
        "rows_in": len(texts),
        "rows_out": sum(text.text is not None for text in texts),
        "seconds": round(time.monotonic() - started, 2),
        "sampled": sum(text.candidates for text in texts),
        "accepted": sum(len(text.accepted) for text in texts),
        "failed_gates": dict(sorted(failed.items())),
    }
    print(json.dumps(summary, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
