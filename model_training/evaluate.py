"""How good is a model? In: a model directory, the dataset. Out: `evaluation.json`, `report.html`, a
challenger.

On texts the model never saw: bits per character, beside a character 5-gram and a template of known
sentences, and whether it listens to the sign and topic it is asked for. On texts it wrote for several days:
format, wrong signs, safety, copying, sense, diversity, freshness, yield, beside held-out human texts, the
template, retrieval and plain nonsense. If the registry has a champion, it is scored on the same texts and
asked the same prompts with the same seeds.

Run: `python -m model_training.evaluate --model data/models/tiny --data data/processed --registry
data/registry`
"""

import argparse
import datetime as dt
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model_training import inference, registry
from model_training.baselines import CharacterNgram, SentenceTemplate, retrieve
from model_training.corpus import DataProblem, Horoscope, Split, read_dataset, split
from model_training.freshness import published_texts
from model_training.gates import Gates
from model_training.intervals import Figure, mean, ratio
from model_training.model_lock import alone
from model_training.nonsense import WordChain
from model_training.prompts import SIGN_NAMES
from model_training.report import write_report
from model_training.samples import (
    Sample,
    Yardstick,
    against_people,
    discriminating,
    in_place_of,
    people_like,
    unsafe_counts,
)
from model_training.scoring import (
    SLICED_BY,
    Scored,
    bits_saved,
    compare,
    repeats,
    score,
    scored_rows,
    tone_bits_saved,
)
from model_training.secondary import changes

DAYS = 8
"""Days written for: texts of one day must differ between signs, and those of one sign between days."""
MAX_TOPICS = 4
"""One topic a day, in turn."""
OWN, PEOPLE, TEMPLATE, RETRIEVAL, NONSENSE = "this model", "people", "template", "retrieval", "nonsense"


@dataclass(frozen=True)
class Written:
    """What a model wrote for the prompts of the evaluation."""

    answers: list[tuple[dt.date, inference.Text]]

    @property
    def samples(self) -> list[Sample]:
        """The chosen text of each prompt that has one."""
        return [Sample(d, t.topic, t.sign, t.sign, t.text) for d, t in self.answers if t.text is not None]

    @property
    def places(self) -> list[Sample]:
        """Every prompt, its text left empty."""
        return [Sample(day, text.topic, text.sign, text.sign, "") for day, text in self.answers]

    @property
    def everything(self) -> list[str]:
        """All that was sampled, refused texts too."""
        return [t for _, text in self.answers for t in (*text.accepted, *(bad.text for bad in text.rejected))]

    def yields(self) -> Figure:
        """Accepted over sampled, clustered by day."""
        days = [day for day, _ in self.answers]
        accepted = [len(text.accepted) for _, text in self.answers]
        return ratio(accepted, [text.candidates for _, text in self.answers], days)

    def failures(self) -> dict[str, int]:
        """Gate -> candidates it refused."""
        return dict(Counter(n for _, text in self.answers for bad in text.rejected for n in bad.failed))


def topics_of(rows: Sequence[Horoscope]) -> list[str]:
    return [topic for topic, _ in Counter(row.topic for row in rows).most_common(MAX_TOPICS)]


def write_samples(
    writer: inference.Writer, rows: Sequence[Horoscope], candidates: int, seed: int = 0
) -> Written:
    """All candidates are drawn at once: the yield is of all samples, not of those a lucky prompt needed."""
    first = max(row.date for row in rows) + dt.timedelta(1 + seed * DAYS)
    topics = topics_of(rows)
    places = [
        (first + dt.timedelta(number), sign, topics[number % len(topics)])
        for number in range(DAYS)
        for sign in SIGN_NAMES
    ]
    texts = writer.write_places(places, candidates, rounds=(candidates,))
    return Written([(day, text) for (day, _, _), text in zip(places, texts, strict=True)])


def judge_texts(
    written: Written, parts: Split, yardstick: Yardstick, template: SentenceTemplate
) -> tuple[dict[str, Figure], dict[str, dict[str, Figure]], dict[str, list[Sample]]]:
    """Figures of the chosen texts, the rows beside them (people, template, retrieval, nonsense), and the
    rows' texts.

    Each row has as many texts as the model wrote for each day, so that figures that depend on the number can
    be compared; people's has fewer where too few are held out, which makes them look more varied, never less.
    """
    places = written.samples or written.places
    chain = WordChain([row.clean_text for row in parts.train])
    rows = {
        PEOPLE: people_like(places, parts.held_out),
        TEMPLATE: in_place_of(places, lambda sample, seed: template.write(sample.topic, seed)),
        RETRIEVAL: in_place_of(
            places, lambda sample, seed: retrieve(parts.train, sample.sign, sample.topic, seed)
        ),
        NONSENSE: in_place_of(places, lambda sample, seed: chain.write(seed)),
    }
    table = {name: yardstick.describe(samples) for name, samples in rows.items()}
    figures = {"yield": written.yields()} | yardstick.describe(written.samples)
    if written.samples:
        figures |= against_people(figures, table[PEOPLE])
    return figures, table, rows


def leaked(gates: Gates, parts: Split) -> Figure:
    """Share of the held-out texts that the model, by its own index, was trained on."""
    days = [row.date for row in parts.held_out]
    return mean([gates.has_learnt(row.clean_text) for row in parts.held_out], days)


@dataclass(frozen=True)
class Question:
    """What an evaluation is asked, the model and the data aside."""

    candidates: int = inference.FIRST_ROUND
    """Samples for each prompt: as many as publishing draws for each at first."""
    seed: int = 0
    """Which held-out texts are scored, which days are written for."""
    registry: str | None = None
    published: str | None = None
    acceptability_model: Path | None = None


def evaluate(model: Path, parts: Split, question: Question) -> dict[str, Any]:
    """The content of evaluation.json, the texts and nearest training texts included."""
    writer = inference.load(model)
    rows = scored_rows(parts, question.seed)
    _say(f"{len(rows)} held-out texts of {len({row.date for row in rows})} days")
    ngram = CharacterNgram([row.clean_text for row in parts.train])
    template = SentenceTemplate(parts.train, ngram)
    own = score(writer, rows)
    scored = {
        OWN: own,
        "5-gram": Scored(rows, np.array([ngram.bits_of(row.clean_text) for row in rows])),
        TEMPLATE: Scored(rows, np.array([template.bits_of(row.clean_text) for row in rows])),
    }
    _say("; ".join(f"{name} {each.figure().value:.4f} bits per character" for name, each in scored.items()))
    written = write_samples(writer, parts.held_out, question.candidates, question.seed)
    yardstick = measure_with(parts, question)
    judged, table, beside = judge_texts(written, parts, yardstick, template)
    days = [row.date for row in rows]
    metrics = {
        "bits_per_character": own.figure(),
        "bits_five_gram": scored["5-gram"].figure(),
        "bits_template": scored[TEMPLATE].figure(),
        "bits_to_five_gram": ratio(own.bits, scored["5-gram"].bits, days),
        "bits_to_template": ratio(own.bits, scored[TEMPLATE].bits, days),
        "leaked_texts": leaked(writer.gates, parts),
        **judged,
    }
    heeded = {field: bits_saved(writer, own, field, question.seed) for field in ("sign", "topic")}
    heeded["tone"] = tone_bits_saved(writer, rows, question.seed)
    metrics |= {f"{field}_bits_saved": saved for field, saved in heeded.items() if saved}
    answered = f"{len(written.samples)} of {len(written.answers)} prompts answered"
    _say(f"{answered}, yield {judged['yield'].value:.0%}")
    safety = {name: unsafe_counts([s.text for s in samples]) for name, samples in beside.items()}
    paired, champions = None, None
    if champion := champion_of(question):
        theirs = inference.load(champion.path, writer.version)  # the same version: the same seeds
        champions = write_samples(theirs, parts.held_out, question.candidates, question.seed)
        name = f"champion {champion.version}"
        scored[name] = score(theirs, rows)
        table[name] = {"yield": champions.yields()} | yardstick.describe(champions.samples)
        safety[name] = unsafe_counts(champions.everything)
        paired = against_champion(str(champion.version), own, scored[name])
        answers = [(day, a, b) for (day, a), (_, b) in zip(written.answers, champions.answers, strict=True)]
        paired |= {"yield": champions.yields().as_json(), "secondary": _as_json(changes(answers, yardstick))}
    return {
        "schema": 2,
        "seed": question.seed,
        "metrics": _as_json(metrics),
        "discriminates": discriminates(metrics, table),
        "slices": sliced(scored),
        "rows": {name: _as_json(figures) for name, figures in table.items()},
        "refused_by": written.failures(),
        "safety": {OWN: unsafe_counts(written.everything)} | safety,
        "limits": {
            "copied_chars": yardstick.max_copied_chars,
            "coherence": round(yardstick.min_coherence, 4),
        },
        "asked": {"acceptability_model": bool(question.acceptability_model)},
        "test_from": parts.cutoff.isoformat(),
        "texts": beside_each_other(written, champions, yardstick, parts),
        "against_champion": paired,
    }


def measure_with(parts: Split, question: Question) -> Yardstick:
    from model_training.acceptability import SentenceJudge

    judge = SentenceJudge(question.acceptability_model) if question.acceptability_model else None
    until = max(row.date for row in parts.held_out)
    published = published_texts(question.published, until) if question.published else []
    return Yardstick.build(parts, published, judge)


def champion_of(question: Question) -> registry.Version | None:
    """The champion, its files checked; None while there is none."""
    champion = registry.champion_or_none(question.registry) if question.registry else None
    if champion:
        registry.verify(champion)
    return champion


def against_champion(version: str, own: Scored, other: Scored) -> dict[str, Any]:
    """The paired comparison of likelihoods: what the decision reads first."""
    return {
        "version": version,
        "bits_per_character": other.figure().as_json(),
        "bits_per_character_change": compare(own, other).as_json(),
        "repeats": repeats(own, other),
    }


def discriminates(metrics: dict[str, Figure], table: dict[str, dict[str, Figure]]) -> dict[str, bool]:
    """Metric -> whether it can tell anything here: people from a baseline, the model from the 5-gram, a
    prompt that is listened to from chance."""
    found = discriminating(table[PEOPLE], [table[name] for name in (TEMPLATE, RETRIEVAL, NONSENSE)])
    for name in ("bits_to_five_gram", "bits_to_template"):
        found[name] = not metrics[name].low <= 1 <= metrics[name].high
    for name in {"sign_bits_saved", "topic_bits_saved", "tone_bits_saved"} & metrics.keys():
        found[name] = not metrics[name].low <= 0 <= metrics[name].high
    return found


def sliced(scored: dict[str, Scored]) -> dict[str, dict[str, dict[str, Any]]]:
    """Field -> value -> scorer -> bits per character."""
    by_scorer = {name: each.slices() for name, each in scored.items()}
    return {
        field: {
            value: {name: slices[field][value].as_json() for name, slices in by_scorer.items()}
            for value in by_scorer[OWN][field]
        }
        for field in SLICED_BY
    }


def beside_each_other(
    written: Written, champions: Written | None, yardstick: Yardstick, parts: Split
) -> list[dict[str, Any]]:
    """A text for each sign, the champion's for the same prompt, and the nearest training text."""
    theirs = {(s.day, s.asked): s.text for s in champions.samples} if champions else {}
    result = []
    for sign in SIGN_NAMES:
        sample = next((s for s in written.samples if s.asked == sign), None)
        if sample:
            share, number = yardstick.known.nearest(sample.text)
            nearest = {"share": round(share, 3), "text": parts.train[number].clean_text if share else ""}
            text = {"sign": sign, "topic": sample.topic, "text": sample.text, "nearest": nearest}
            result.append(text | {"champion": theirs.get((sample.day, sign), "")})
    return result


def _as_json(figures: dict[str, Figure]) -> dict[str, dict[str, float | int]]:
    return {name: figure.as_json() for name, figure in figures.items()}


def _say(line: str) -> None:
    print(f"evaluate: {line}", file=sys.stderr, flush=True)


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Score a model on held-out texts, look at what it writes, register it as challenger.",
        epilog="Exit codes: 0 done or skipped, 1 failed, 2 wrong arguments, 130/143 killed.",
    )
    parser.add_argument("--model", type=Path, required=True, help="model directory, as train writes it")
    parser.add_argument("--data", required=True, help="address of processed/, the same the model learnt from")
    parser.add_argument("--registry", help="where to register it as challenger (default: not registered)")
    parser.add_argument("--artifacts", help="where a new registry keeps its models: folder or s3://…")
    parser.add_argument("--published", help="address of published/: are its texts new to our readers?")
    parser.add_argument(
        "--acceptability-model", type=Path, help="directory of a classifier fine-tuned on RuCoLA"
    )
    parser.add_argument(
        "--candidates",
        type=int,
        default=inference.FIRST_ROUND,
        help=f"samples for each prompt, default {inference.FIRST_ROUND}, as in publishing",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="which held-out texts and days are used, default 0"
    )
    return parser.parse_args(argv)


def judge(args: argparse.Namespace, started: float) -> dict[str, Any]:
    """Evaluate, report, register; returns what the JSON line says of it."""
    parts = split(read_dataset(args.data)[0])
    question = Question(args.candidates, args.seed, args.registry, args.published, args.acceptability_model)
    document = evaluate(args.model, parts, question)
    document["seconds"] = round(time.monotonic() - started, 1)
    write_report(args.model, document)
    said = {
        "outcome": "done",
        "rows_in": len(parts.held_out),
        "rows_out": 1,
        "metrics": document["metrics"],
        "refused_by": document["refused_by"],
    }
    if args.registry:
        version = registry.register(args.registry, args.model, parts.cutoff.isoformat(), args.artifacts)
        said["version"] = version.version
    return said


def main(argv: list[str] | None = None) -> int:
    args = parse_arguments(argv)
    started = time.monotonic()
    summary: dict[str, Any] = {"step": "evaluate", "outcome": "failed", "rows_in": 0, "rows_out": 0}
    code = 1
    try:
        inference.check_is_model(args.model)
        with alone(args.model):
            summary |= judge(args, started)
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
