"""Write one day: a registered champion in, `published/date=D/horoscopes.json` out, complete or not at all.

    python -m serving.publish --date 2026-11-23 --storage data --topics general,love

The champion samples candidates for every sign × topic, the gates and the day's own gates refuse, the best
are kept. When the champion cannot fill the day, the previous champion writes it and the file says so; when
neither can, nothing is written and readers are told that there is no forecast yet. The same day from the
same model gives the same texts. `hours_early` of the summary counts to the day's begin in the earliest time
zone; below zero somebody's day had begun without it: publish tomorrow before 13:00 in Moscow.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fsspec
from tqdm import tqdm

from serving.command import CommandError, add_date, parser, run_command
from serving.days import SCHEMA, CorruptDayError, Day, begins_anywhere, day_path, read_day
from serving.registered import CannotWriteError, Cell, RegisteredModel, Writer, registered_models
from serving.selection import DayGate, Selection
from serving.signs import SIGNS
from serving.texts import DISCLAIMER, TOPICS

STEP = "publish"
DEFAULT_TOPICS = "general,love,business,health"
PAST_DAYS = 30
ATTEMPTS = 8
"""How often a cell whose candidates were all refused is sampled again before the model is given up."""


def publish_day(
    root: str,
    day: dt.date,
    models: Sequence[RegisteredModel],
    topics: Sequence[str],
    candidates: int,
    generated_at: str,
    force: bool = False,
) -> dict[str, Any]:
    """Publish `day` by the first of `models` that can fill it; returns the summary's own fields."""
    published = _read_published(root, day)
    if published and not force and _is_same(published, models[0], topics):
        return {"outcome": "skipped", "reason": f"{day} is already published by {_name(models[0])}"}
    past_texts = [text for past in _past_days(root, day) for text in past]
    failures: list[str] = []
    for model in models:
        try:
            selection = fill_day(model.load(), day, topics, candidates, past_texts)
        except CannotWriteError as error:
            failures.append(f"{_name(model)}: {error}")
            continue
        write_day(root, day, day_document(day, model, selection, generated_at))
        return {**_summary(model, selection, failures), "hours_early": hours_early(day, generated_at)}
    raise CommandError("expected a model that fills the day, found none; " + "; ".join(failures))


def hours_early(day: dt.date, generated_at: str) -> float:
    """Hours from publishing to the first instant that is `day` anywhere."""
    return round((begins_anywhere(day) - dt.datetime.fromisoformat(generated_at)).total_seconds() / 3600, 1)


def fill_day(
    writer: Writer, day: dt.date, topics: Sequence[str], candidates: int, past_texts: Sequence[str]
) -> Selection:
    """A text for every sign × topic, or `CannotWriteError` naming the cells that stayed empty."""
    selection = Selection(day, past_texts)
    cells: list[Cell] = [(topic, sign.slug) for topic in topics for sign in SIGNS]
    with tqdm(total=len(cells), desc=f"{day}", unit="text", disable=None, file=sys.stderr) as bar:
        for attempt in range(ATTEMPTS):
            empty = [cell for cell in cells if cell not in selection.choices]
            if empty:
                selection.choose(writer.write(day, empty, candidates, attempt))
                bar.update(len(selection.choices) - bar.n)
    selection.use_reserve()
    empty = [cell for cell in cells if cell not in selection.choices]
    if empty:
        reasons = "; ".join(
            f"{sign}/{topic}: {dict(selection.refusals[topic, sign])}" for topic, sign in empty[:3]
        )
        raise CannotWriteError(f"{len(empty)} of {len(cells)} texts refused ({reasons})")
    return selection


def day_document(
    day: dt.date, model: RegisteredModel, selection: Selection, generated_at: str
) -> dict[str, Any]:
    """The content of horoscopes.json; all of it but `generated_at` follows from day, model and options."""
    lineage = model.lineage()
    texts: list[dict[str, Any]] = [
        {
            "sign": choice.candidate.sign,
            "topic": choice.candidate.topic,
            "language": choice.candidate.language,
            "text": choice.candidate.text,
            "chars": len(choice.candidate.text),
            "seed": choice.candidate.seed,
            "candidates": choice.sampled,
            "gates": choice.gates,
            "model_version": str(lineage["version"]),
        }
        for choice in selection.choices.values()
    ]
    order = [sign.slug for sign in SIGNS]
    topics = list(TOPICS)
    texts.sort(key=lambda text: (topics.index(text["topic"]), order.index(text["sign"])))
    return {
        "schema": SCHEMA,
        "date": day.isoformat(),
        "generated_at": generated_at,
        "status": model.status,
        "model": lineage,
        "disclaimer": DISCLAIMER,
        "texts": texts,
    }


def write_day(root: str, day: dt.date, document: dict[str, Any]) -> None:
    """One atomic step: a rename in a folder, a PUT in a bucket."""
    content = json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True).encode() + b"\n"
    path = day_path(root, day)
    fs, plain = fsspec.url_to_fs(path)
    if "file" not in fs.protocol:
        fs.pipe_file(plain, content)
        return
    target = Path(plain)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _read_published(root: str, day: dt.date) -> Day | None:
    try:
        return read_day(root, day)
    except CorruptDayError:  # written over: the new day is whole
        return None


def _past_days(root: str, day: dt.date) -> list[list[str]]:
    past = (_read_published(root, day - dt.timedelta(days=back)) for back in range(1, PAST_DAYS + 1))
    return [[horoscope.text for horoscope in found.horoscopes] for found in past if found]


def _is_same(published: Day, model: RegisteredModel, topics: Sequence[str]) -> bool:
    same_model = str(published.model.get("version")) == str(model.lineage()["version"])
    return same_model and published.status == model.status and set(topics) <= set(published.topics)


def _name(model: RegisteredModel) -> str:
    lineage = model.lineage()
    return f"{model.status} {lineage['name']} v{lineage['version']}"


def _summary(model: RegisteredModel, selection: Selection, failures: list[str]) -> dict[str, Any]:
    sampled = sum(choice.sampled for choice in selection.choices.values())
    refused: Counter[str] = sum(selection.refusals.values(), Counter())
    return {
        "rows_in": sampled,
        "rows_out": len(selection.choices),
        "status": model.status,
        "model_version": str(model.lineage()["version"]),
        "refused": dict(refused.most_common()),
        "like_last_days": sum(not choice.gates[DayGate.PAST] for choice in selection.choices.values()),
        "fallbacks": failures,
    }


def topics_argument(words: str) -> list[str]:
    topics = [word.strip() for word in words.split(",") if word.strip()]
    unknown = [topic for topic in topics if topic not in TOPICS]
    if unknown or not topics:
        raise argparse.ArgumentTypeError(f"expected topics of {', '.join(TOPICS)}, found {words!r}")
    if "general" not in topics:
        raise argparse.ArgumentTypeError(
            f"expected general among the topics: pages open with it, found {words!r}"
        )
    return list(dict.fromkeys(topics))


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    add_date(made)
    made.add_argument("--topics", type=topics_argument, default=DEFAULT_TOPICS, help="comma between")
    made.add_argument(
        "--candidates", type=int, default=4, help="texts sampled for each sign and topic at a time"
    )
    made.add_argument("--registry", help="model registry (default: STORAGE/registry)")
    made.add_argument(
        "--force", action="store_true", help="write the day again even if this model has written it"
    )
    args = made.parse_args(argv)
    if args.candidates < 1:
        made.error(f"expected --candidates of at least 1, found {args.candidates}")

    def work() -> dict[str, Any]:
        models = registered_models(args.registry or f"{args.storage.rstrip('/')}/registry")
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        return publish_day(args.storage, args.date, models, args.topics, args.candidates, now, args.force)

    return run_command(STEP, work)


if __name__ == "__main__":
    sys.exit(main())
