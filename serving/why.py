"""Where a published text came from: a day, a sign and a topic in, its certificate out, down to the raw
runs.

    python -m serving.why 2026-11-23 leo love --storage data

Shows the text's seed and gates, the model that wrote it and why that model was live, the dataset and the
raw runs it learnt from (whether they are still there, unchanged), and the training texts most like it. For
the operator: the nearest texts are other people's.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import heapq
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import fsspec
from rich.console import Console
from rich.table import Table

from serving.command import CommandError, day_argument, parser, run_command
from serving.days import CorruptDayError, Day, Horoscope, read_day
from serving.registered import model_record
from serving.selection import word_runs
from serving.signs import UnknownSignError, find_sign
from serving.texts import TOPICS

STEP = "why"
NEAREST = 3
COLUMNS = ["horoscope_id", "source", "date", "sign", "topic", "url", "clean_text"]


def certificate(root: str, registry: str, day: dt.date, sign: str, topic: str) -> dict[str, Any]:
    """Everything known of one text; what cannot be found is said in `gaps`, never left out silently."""
    published, horoscope = published_text(root, day, sign, topic)
    gaps: list[str] = []
    model = model_record(registry, str(published.model["version"]))
    if model is None:
        gaps.append(f"model version {published.model['version']} is not in {registry}")
    runs = raw_runs(root, model["raw_manifests"]) if model else []
    gaps += [f"raw run {run['path']} is {run['state']}" for run in runs if run["state"] != "unchanged"]
    dataset = read_json(f"{root}/processed/dataset.json")
    if dataset is None:
        gaps.append("processed/dataset.json is gone: no nearest texts")
    elif dataset["version"] != published.model["dataset_version"]:
        gaps.append(f"the dataset is now {dataset['version']}: nearest texts are sought in that one")
    return {
        "date": str(day),
        "status": published.status,
        "generated_at": published.generated_at,
        "text": asdict(horoscope),
        "model": {**published.model, **(model or {})},
        "raw_runs": runs,
        "nearest": nearest_texts(root, dataset, horoscope.text) if dataset else [],
        "gaps": gaps,
    }


def published_text(root: str, day: dt.date, sign: str, topic: str) -> tuple[Day, Horoscope]:
    try:
        published = read_day(root, day)
    except CorruptDayError as error:
        raise CommandError(f"{error}, in the day {day} of {root}; publish it again") from error
    found = published.find(sign, topic) if published else None
    if published is None or found is None:
        known = ", ".join(published.topics) if published else "no topics at all"
        raise CommandError(f"expected {sign}/{topic} published on {day}, found {known}, in {root}")
    return published, found


def raw_runs(root: str, manifests: list[dict[str, str]]) -> list[dict[str, Any]]:
    """The raw runs a model learnt from, each with its state now: unchanged, changed or gone."""
    runs = []
    for manifest in manifests:
        content = read_bytes(f"{root}/{manifest['path']}")
        state = "gone"
        if content is not None:
            state = "unchanged" if hashlib.sha256(content).hexdigest() == manifest["sha256"] else "changed"
        told = json.loads(content) if state == "unchanged" and content else {}
        runs.append({"path": manifest["path"], "state": state, "rows": told.get("rows")})
    return runs


def nearest_texts(root: str, dataset: dict[str, Any], text: str) -> list[dict[str, Any]]:
    """The training texts that share most runs of three words with `text`, and how many of its runs."""
    wanted = word_runs(text)
    shared = (
        (len(wanted & word_runs(row["clean_text"])) / len(wanted), row)
        for row in training_texts(root, dataset)
    )
    nearest = heapq.nsmallest(NEAREST, shared, key=lambda pair: (-pair[0], pair[1]["horoscope_id"]))
    return [{**row, "date": str(row["date"]), "shared": round(share, 3)} for share, row in nearest]


def training_texts(root: str, dataset: dict[str, Any]) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    for part in dataset["parts"]:
        fs, folder = fsspec.url_to_fs(f"{root}/processed/part={part['id']}/clean")
        for path in sorted(fs.glob(f"{folder}/*.parquet")):
            with fs.open(path, "rb") as file:
                # In this thread alone: one that still holds the file when Python ends aborts it.
                yield from pq.ParquetFile(file, pre_buffer=False).read(COLUMNS, use_threads=False).to_pylist()


def read_bytes(path: str) -> bytes | None:
    try:
        with fsspec.open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def read_json(path: str) -> dict[str, Any] | None:
    content = read_bytes(path)
    return json.loads(content) if content is not None else None


def print_certificate(console: Console, told: dict[str, Any]) -> None:
    """The certificate for a person."""
    text, model = told["text"], told["model"]
    console.rule(f"[bold]{text['sign']}[/] · {text['topic']} · {told['date']}")
    console.print(text["text"], markup=False)
    table = Table(show_header=False, box=None, padding=(0, 1))
    table.add_row("status", f"{told['status']}, generated {told['generated_at']}")
    table.add_row("seed", f"{text['seed']}, best of {text['candidates']} sampled")
    table.add_row("gates", ", ".join(f"{name} {'✓' if ok else '✗'}" for name, ok in text["gates"].items()))
    table.add_row("model", f"{model['name']} v{model['version']}, run {model['run_id']}")
    table.add_row("decision", model.get("decision") or "not known")
    table.add_row("metrics", ", ".join(f"{name} {value}" for name, value in model.get("metrics", {}).items()))
    table.add_row("dataset", f"{model['dataset_version']}, sources: {', '.join(model['sources'])}")
    states = Counter(run["state"] for run in told["raw_runs"])
    rows = sum(run["rows"] or 0 for run in told["raw_runs"])
    table.add_row("raw runs", f"{len(told['raw_runs'])} ({dict(states)}), {rows} rows")
    console.print(table)
    for near in told["nearest"]:
        head = (
            f"{near['shared']:.0%} shared with {near['source']} {near['date']} {near['sign']}/{near['topic']}"
        )
        console.print(f"[bold]{head}[/] {near['horoscope_id']} {near['url']}", highlight=False)
        console.print(near["clean_text"], style="dim", markup=False)
    for gap in told["gaps"]:
        console.print(f"[yellow]gap:[/] {gap}")


def sign_argument(words: str) -> str:
    try:
        return find_sign(words).slug
    except UnknownSignError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("date", type=day_argument, help="ISO date, today, tomorrow or yesterday")
    made.add_argument("sign", type=sign_argument, help="slug, Russian name, symbol or birthday")
    made.add_argument("topic", nargs="?", default="general", choices=sorted(TOPICS), metavar="TOPIC")
    made.add_argument("--registry", help="model registry (default: STORAGE/registry)")
    made.add_argument("--json", action="store_true", help="print the whole certificate as JSON instead")
    args = made.parse_args(argv)
    root = args.storage.rstrip("/")

    def work() -> dict[str, Any]:
        told = certificate(root, args.registry or f"{root}/registry", args.date, args.sign, args.topic)
        if args.json:
            print(json.dumps(told, ensure_ascii=False, indent=2))
        else:
            print_certificate(Console(width=None if sys.stdout.isatty() else 110), told)
        nearest = told["nearest"][0]["shared"] if told["nearest"] else None
        return {
            "rows_in": 1,
            "rows_out": 1,
            "raw_runs": len(told["raw_runs"]),
            "nearest": nearest,
            "gaps": told["gaps"],
        }

    return run_command(STEP, work)


if __name__ == "__main__":
    sys.exit(main())
