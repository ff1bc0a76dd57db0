"""How good is a model? In: a model directory, the dataset. Out: `evaluation.json`, `report.html`, a
challenger.

On texts the model never saw: bits per character, beside a character 5-gram and a template of known
sentences. On texts it wrote: format, wrong signs, safety, copying, diversity, yield, beside held-out human
texts, the template and retrieval. If the registry has a champion, it is scored on the same texts and asked
the same prompts.

Run: `python -m model_training.evaluate --model data/models/tiny --data data/processed --registry
data/registry`
"""

import argparse
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model_training import inference, registry
from model_training.baselines import CharacterNgram, SentenceTemplate, retrieve
from model_training.corpus import DataProblem, Horoscope, Split, read_dataset, split
from model_training.gates import Gates
from model_training.intervals import Figure, mean, ratio
from model_training.prompts import SIGN_NAMES, controls_of
from model_training.report import write_report
from model_training.samples import describe

MAX_TEST, MAX_GOLDEN = 400, 100
"""Held-out texts that are scored; more would only narrow the interval."""
MAX_TOPICS = 4
MIN_SLICE = 10
"""A slice of fewer texts says nothing."""


@dataclass(frozen=True)
class Scored:
    """Bits of the same texts under one model."""

    rows: Sequence[Horoscope]
    bits: np.ndarray

    def figure(self, chosen: Sequence[int] | None = None) -> Figure:
        """Bits per character, of the texts at `chosen` places (default all), its interval clustered by
        day."""
        places = list(range(len(self.rows)) if chosen is None else chosen)
        rows = [self.rows[at] for at in places]
        return ratio(self.bits[places], [len(row.clean_text) for row in rows], [row.date for row in rows])

    def slices(self) -> dict[str, dict[str, Figure]]:
        """By source, topic and sign."""
        result: dict[str, dict[str, Figure]] = {}
        for field in ("source", "topic", "sign"):
            places: dict[str, list[int]] = defaultdict(list)
            for at, row in enumerate(self.rows):
                places[getattr(row, field)].append(at)
            result[field] = {k: self.figure(v) for k, v in sorted(places.items()) if len(v) >= MIN_SLICE}
        return result


@dataclass(frozen=True)
class Written:
    """What a model wrote for the prompts of the evaluation."""

    texts: list[inference.Text]

    @property
    def accepted(self) -> list[tuple[str, str]]:
        """(sign, text), the chosen text of each prompt."""
        return [(text.sign, text.text) for text in self.texts if text.text is not None]

    def yields(self) -> Figure:
        """Accepted over sampled, clustered by prompt."""
        return ratio(
            [len(text.accepted) for text in self.texts],
            [text.candidates for text in self.texts],
            range(len(self.texts)),
        )

    def failures(self) -> dict[str, int]:
        """Gate -> candidates it refused."""
        return dict(Counter(name for text in self.texts for bad in text.rejected for name in bad.failed))


def scored_rows(parts: Split, seed: int) -> list[Horoscope]:
    rng = random.Random(seed)
    test = parts.test if len(parts.test) <= MAX_TEST else rng.sample(parts.test, MAX_TEST)
    golden = parts.golden if len(parts.golden) <= MAX_GOLDEN else rng.sample(parts.golden, MAX_GOLDEN)
    return [*test, *golden]


def score(writer: inference.Writer, rows: Sequence[Horoscope]) -> Scored:
    """The prompts are rendered by the model's own template."""
    from model_training.engines.pretrained import TorchEngine
    from model_training.likelihood import bits_of

    engine = TorchEngine(writer.engine.folder)
    pairs = [
        (writer.template.render(controls_of(row.sign, row.topic, row.clean_text)), row.clean_text)
        for row in rows
    ]
    return Scored(rows, bits_of(engine, pairs))


def topics_of(rows: Sequence[Horoscope]) -> list[str]:
    return [topic for topic, _ in Counter(row.topic for row in rows).most_common(MAX_TOPICS)]


def write_samples(writer: inference.Writer, rows: Sequence[Horoscope], candidates: int) -> Written:
    """All candidates are drawn at once: the yield is of all samples, not of those a lucky prompt needed."""
    day = max(row.date for row in rows)
    return Written(writer.write(day, tuple(SIGN_NAMES), topics_of(rows), candidates, rounds=(candidates,)))


def compare(own: Scored, other: Scored) -> Figure:
    """Relative change of bits per character against `other` on the same texts, paired, clustered by day."""
    change = own.bits - other.bits
    return ratio(change, other.bits, [row.date for row in own.rows])


def people_for(topics: Sequence[str], held_out: Sequence[Horoscope]) -> list[Horoscope]:
    """Held-out rows of the same topics, each at most once: many topics look more varied than few."""
    rows = random.Random(0).sample(list(held_out), len(held_out))
    chosen: list[Horoscope] = []
    for topic in topics:
        same = next((row for row in rows if row.topic == topic), None)
        if same:
            rows.remove(same)
            chosen.append(same)
    return chosen


def judge_texts(
    written: Written, parts: Split, gates: Gates, known: Gates, template: SentenceTemplate
) -> tuple[dict[str, Figure], dict[str, dict[str, Figure]]]:
    """Figures of the accepted texts, and the rows beside them: held-out people, the template, retrieval.

    Each row has as many texts as the model wrote, so that figures that depend on the number can be compared;
    people's has fewer where too few are held out, which makes them look more varied, never less.
    """
    asked = [(text.sign, text.topic) for text in written.texts if text.text is not None]
    asked = asked or [(text.sign, text.topic) for text in written.texts]
    people = people_for([topic for _, topic in asked], parts.held_out)
    signs = [sign for sign, _ in asked]
    glued = [template.write(topic, seed) for seed, (_, topic) in enumerate(asked)]
    found = [retrieve(parts.train, *prompt, seed) for seed, prompt in enumerate(asked)]
    table = {
        "people, held out": describe([r.clean_text for r in people], [r.sign for r in people], gates, known),
        "template": describe(glued, signs, gates, known),
        "retrieval": describe(found, signs, gates, known),
    }
    figures = {"yield": written.yields()}
    if written.accepted:
        figures |= describe([text for _, text in written.accepted], signs, gates, known)
        human, own = table["people, held out"]["distinct_2"].value, figures["distinct_2"]
        figures["diversity_to_human"] = Figure(own.value / human, own.n, own.low / human, own.high / human)
    return figures, table


def leaked(gates: Gates, parts: Split) -> Figure:
    """Share of the held-out texts that the model, by its own index, was trained on."""
    return mean([gates.has_learnt(row.clean_text) for row in parts.held_out])


def evaluate(model: Path, parts: Split, candidates: int, seed: int, address: str | None) -> dict[str, Any]:
    """The content of evaluation.json, the twelve texts and nearest training texts included."""
    writer = inference.load(model)
    rows = scored_rows(parts, seed)
    _say(f"{len(rows)} held-out texts of {len({row.date for row in rows})} days")
    own = score(writer, rows)
    ngram = CharacterNgram([row.clean_text for row in parts.train])
    template = SentenceTemplate(parts.train, ngram)
    five_gram = Scored(rows, np.array([ngram.bits_of(row.clean_text) for row in rows]))
    templated = Scored(rows, np.array([template.bits_of(row.clean_text) for row in rows]))
    _say(f"bits per character {own.figure().value:.4f}; 5-gram {five_gram.figure().value:.4f}")
    written = write_samples(writer, parts.held_out, candidates)
    known = Gates.build([row.clean_text for row in parts.train], [])
    judged, table = judge_texts(written, parts, writer.gates, known, template)
    metrics = {
        "bits_per_character": own.figure(),
        "bits_five_gram": five_gram.figure(),
        "bits_template": templated.figure(),
        "bits_to_five_gram": ratio(own.bits, five_gram.bits, [row.date for row in rows]),
        "bits_to_template": ratio(own.bits, templated.bits, [row.date for row in rows]),
        "leaked_texts": leaked(writer.gates, parts),
        **judged,
    }
    _say(
        f"{len(written.accepted)} of {len(written.texts)} prompts answered, yield {judged['yield'].value:.0%}"
    )
    return {
        "schema": 1,
        "metrics": _as_json(metrics),
        "slices": {field: _as_json(figures) for field, figures in own.slices().items()},
        "rows": {name: _as_json(figures) for name, figures in table.items()},
        "refused_by": written.failures(),
        "test_from": parts.cutoff.isoformat(),
        "texts": [
            {"sign": sign, "text": text, "nearest": _nearest(text, known, parts)}
            for sign, text in written.accepted[: len(SIGN_NAMES)]
        ],
        "against_champion": against_champion(address, own, written, parts, candidates),
    }


def _nearest(text: str, known: Gates, parts: Split) -> dict[str, Any]:
    share, number = known.nearest(text)
    return {"share": share, "text": parts.train[number].clean_text if share else ""}


def against_champion(
    address: str | None, own: Scored, written: Written, parts: Split, candidates: int
) -> dict[str, Any] | None:
    """The champion on the same texts and prompts; None while there is no champion."""
    champion = registry.champion_or_none(address) if address else None
    if champion is None:
        return None
    registry.verify(champion)
    writer = inference.load(champion.path)
    other, its = score(writer, own.rows), write_samples(writer, parts.held_out, candidates)
    sampled = [text.candidates for text in written.texts]
    gained = [len(a.accepted) - len(b.accepted) for a, b in zip(written.texts, its.texts, strict=True)]
    return {
        "version": str(champion.version),
        "bits_per_character": other.figure().as_json(),
        "bits_per_character_change": compare(own, other).as_json(),
        "yield": its.yields().as_json(),
        "yield_change": ratio(gained, sampled, range(len(gained))).as_json(),
        "texts": [{"sign": sign, "text": text} for sign, text in its.accepted[: len(SIGN_NAMES)]],
    }


def _as_json(figures: dict[str, Figure]) -> dict[str, dict[str, float | int]]:
    return {name: figure.as_json() for name, figure in figures.items()}


def _say(line: str) -> None:
    print(f"evaluate: {line}", file=sys.stderr, flush=True)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Score a model on held-out texts, look at what it writes, register it as challenger.",
        epilog="Exit codes: 0 done or skipped, 1 failed, 2 wrong arguments, 130/143 killed.",
    )
    parser.add_argument("--model", type=Path, required=True, help="model directory, as train writes it")
    parser.add_argument("--data", required=True, help="address of processed/, the same the model learnt from")
    parser.add_argument("--registry", help="where to register it as challenger (default: not registered)")
    parser.add_argument("--candidates", type=int, default=4, help="samples for each prompt, default 4")
    parser.add_argument("--seed", type=int, default=0, help="which held-out texts are scored, default 0")
    args = parser.parse_args(argv)
    started = time.monotonic()
    summary: dict[str, Any] = {"step": "evaluate", "outcome": "failed", "rows_in": 0, "rows_out": 0}
    code = 1
    try:
        inference.check_is_model(args.model)
        parts = split(read_dataset(args.data)[0])
        document = evaluate(args.model, parts, args.candidates, args.seed, args.registry)
        document["seconds"] = round(time.monotonic() - started, 1)
        write_report(args.model, document)
        summary |= {
            "outcome": "done",
            "rows_in": len(parts.held_out),
            "rows_out": 1,
            "metrics": document["metrics"],
            "refused_by": document["refused_by"],
        }
        if args.registry:
            version = registry.register(args.registry, args.model, parts.cutoff.isoformat())
            summary["version"] = version.version
        code = 0
    except (DataProblem, inference.ModelProblem, registry.RegistryProblem, OSError) as error:
        summary["reason"] = str(error)
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        summary["reason"], code = "interrupted", 130
    summary["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(summary, ensure_ascii=False))
    return code


if __name__ == "__main__":
    raise SystemExit(main())
