"""The cleaned dataset in, a model directory out.

The directory is written aside and published by a rename, `metrics.json` last; what is half written is never
seen. Killed and run again with the same arguments, training goes on from its last checkpoint.

Run: `python -m model_training.train --config model_training/configs/tiny.toml --data data/processed --output
DIR`
"""

import argparse
import contextlib
import dataclasses
import hashlib
import json
import math
import os
import random
import re
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_training.card import model_card
from model_training.corpus import DataProblem, Horoscope, Split, read_dataset, split
from model_training.failures import Diverged, StartProblem, Terminated, naming_a_full_disk
from model_training.gates import Gates
from model_training.model_lock import alone
from model_training.prompts import DEFAULT_TEMPLATE, PromptTemplate, controls_of, with_some_dropped
from model_training.recipe import Recipe, RecipeProblem, load_recipe
from model_training.staleness import reason_to_skip
from model_training.tone import tone_of


@dataclass(frozen=True)
class Lineage:
    """What a run learns from and how: the same lineage gives the same model."""

    recipe: Recipe
    dataset: dict[str, Any]
    """dataset.json."""
    train_texts: int
    seed: int
    tracker: str | None = None
    """Address of the MLflow that hears how the run goes; no part of what is learnt."""

    @property
    def for_the_tracker(self) -> dict[str, Any]:
        """What tells one run of the tracker from another."""
        known = self.as_json()
        return known.pop("config") | {k: v for k, v in known.items() if k not in ("schema", "raw_manifests")}

    def as_json(self) -> dict[str, Any]:
        """The content of `training.json`, the command aside."""
        return {
            "schema": 1,
            "config": dataclasses.asdict(self.recipe),
            "recipe": self.recipe.fingerprint,
            "seed": self.seed,
            "dataset_version": self.dataset["version"],
            "rules_version": self.dataset["rules_version"],
            "raw_manifests": self.dataset["raw_manifests"],
            "rows": self.dataset["rows"],
            "train_texts": self.train_texts,
            "base_model": self.recipe.base,
        }


def pairs_of(
    rows: list[Horoscope], template: PromptTemplate, drop: float, seed: int, tone_share: float = 0.0
) -> list[tuple[str, str]]:
    """(prompt, completion) of every row; `drop` is the chance that a control line is left out, `tone_share`
    that the tone has one."""
    rng = random.Random(seed)
    controls = [
        with_some_dropped(controls_of(row.sign, row.topic, row.clean_text), drop, rng) for row in rows
    ]
    if tone_share:
        controls = [
            given | {"tone": tone_of(row.clean_text)} if rng.random() < tone_share else given
            for given, row in zip(controls, rows, strict=True)
        ]
    return [(template.render(given), row.clean_text) for given, row in zip(controls, rows, strict=True)]


def train(lineage: Lineage, parts: Split, work: Path) -> dict[str, Any]:
    """Everything a model directory holds but metrics.json, written to `work`; returns the metrics.

    Of several processes the first one writes; the others return nothing.
    """
    from transformers import set_seed
    from transformers.utils import logging

    from model_training import loop
    from model_training.origin import start
    from model_training.packing import batches
    from model_training.token_cache import remembered
    from model_training.tokens import Example, encode
    from model_training.tracking import tracked

    logging.disable_progress_bar()
    recipe = lineage.recipe
    set_seed(lineage.seed)
    template = DEFAULT_TEMPLATE if recipe.tone_share else DEFAULT_TEMPLATE.without("tone")

    def asked(epoch: int) -> list[tuple[str, str]]:
        """In each epoch other control lines are left out."""
        seed = lineage.seed + epoch
        return pairs_of(parts.train, template, recipe.drop_controls, seed, recipe.tone_share)

    model, tokenizer = start(recipe, asked(0))

    def examples_of(epoch: int) -> list[Example]:
        is_pair = model.config.is_encoder_decoder
        return encode(asked(epoch), tokenizer, recipe.max_text_tokens, is_pair, remembered)

    examples = examples_of(0)
    tokens = sum(len(example.ids) for example in examples)
    epochs = min(recipe.epochs, recipe.max_tokens / tokens) if recipe.max_tokens else recipe.epochs
    if is_first_process():
        say_what_is_learnt(len(examples), tokens, epochs, model, recipe)
    checkpoints = work.with_name(work.name + ".checkpoints")
    tokens_a_process = recipe.tokens_per_batch // int(os.environ.get("WORLD_SIZE", "1"))
    micro_tokens, whole = min(recipe.micro_tokens, tokens_a_process), math.ceil(epochs)
    ready = [
        batch
        for epoch in range(whole)
        for batch in batches(
            examples_of(epoch) if epoch else examples, tokens_a_process, micro_tokens, lineage.seed + epoch
        )
    ]
    schedule = loop.schedule_of(recipe, epochs / whole, lineage.seed, in_order=True)
    tracker = lineage.tracker if is_first_process() else None
    with tracked(tracker, lineage.for_the_tracker) as callbacks:
        course = loop.run(model, ready, schedule, checkpoints, "train", True, callbacks)
    if not is_first_process():
        return {}
    if recipe.lora:
        model = model.merge_and_unload()
    if recipe.saved_as == "bf16":
        model = model.bfloat16()
    parameters = sum(weight.numel() for weight in model.parameters())
    with naming_a_full_disk(work, 4 * parameters):
        model.save_pretrained(work)
        tokenizer.save_pretrained(work)
        template.save(work / "prompt.json")
        Gates.build([r.clean_text for r in parts.train], [r.clean_text for r in parts.held_out]).save(
            work / "train_index.npz"
        )
        loop.write_losses(course.rows, work)
    return {
        "schema": 1,
        "train_texts": len(parts.train),
        "test_texts": len(parts.test),
        "golden_texts": len(parts.golden),
        "dropped_as_seen_before": parts.dropped,
        "test_from": parts.cutoff.isoformat(),
        "tokens_seen": round(tokens * epochs),
        "parameters": parameters,
        "loss": course.rows[-1]["loss"] if course.rows else None,
        "seconds": round(course.seconds, 1),
        "tokens_per_second": round(tokens * epochs * course.share / course.seconds, 1),
        "weights_sha256": hashlib.sha256((work / "model.safetensors").read_bytes()).hexdigest(),
    }


def say_what_is_learnt(texts: int, tokens: int, epochs: float, model: Any, recipe: Recipe) -> None:
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    origin = f"from {recipe.base}" if recipe.base else "from nothing"
    print(
        f"train: {texts:,} texts, {tokens:,} tokens, {epochs:.2f} epochs, "
        f"{trained / 1e6:.1f}M parameters to train, {origin}",
        file=sys.stderr,
        flush=True,
    )


def is_first_process() -> bool:
    """Of those that `accelerate launch` started; alone otherwise."""
    return os.environ.get("RANK", "0") == "0"


def publish(work: Path, output: Path) -> None:
    """`work` becomes `output`; an older model there is moved out of the way first and deleted after."""
    old = output.with_name(output.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if output.exists():
        output.replace(old)
    work.replace(output)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(work.with_name(work.name + ".checkpoints"), ignore_errors=True)


def already_trained(output: Path, lineage: Lineage) -> bool:
    if not (output / "metrics.json").is_file():
        return False
    with contextlib.suppress(ValueError, OSError):
        saved = json.loads((output / "training.json").read_text(encoding="utf-8"))
        return all(saved.get(name) == value for name, value in lineage.as_json().items())
    return False


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Train a Russian horoscope model on the cleaned dataset.",
        epilog="Exit codes: 0 done or skipped, 1 failed, 2 wrong arguments, 130/143 killed.",
    )
    parser.add_argument(
        "--config", type=Path, required=True, help="recipe, such as model_training/configs/tiny.toml"
    )
    parser.add_argument("--data", required=True, help="address of processed/ (a folder or s3://…)")
    parser.add_argument("--output", type=Path, required=True, help="model directory to make")
    origin = parser.add_mutually_exclusive_group()
    origin.add_argument("--from-scratch", action="store_true", help="new tokenizer and random weights")
    origin.add_argument("--base-model", help="causal model to start from: directory, or hub name when online")
    parser.add_argument("--registry", help="skip when its champion has learnt nearly all of this dataset")
    parser.add_argument(
        "--tracker",
        default=os.environ.get("HOROSCOPE_TRACKER"),
        help="MLflow that hears how the run goes: folder, http://… or sqlite:///…; if it dies, training goes "
        "on (default: $HOROSCOPE_TRACKER, else none)",
    )
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    parser.add_argument("--force", action="store_true", help="train even if there is nothing new")
    parser.add_argument("--check", action="store_true", help="only tell whether there is something to learn")
    return parser.parse_args(argv)


def chosen_recipe(args: argparse.Namespace) -> Recipe:
    recipe = load_recipe(args.config)
    if args.from_scratch:
        return dataclasses.replace(recipe, base="")
    return dataclasses.replace(recipe, base=args.base_model) if args.base_model else recipe


def main(argv: list[str] | None = None) -> int:
    args = parse_arguments(argv)
    started = time.monotonic()
    summary: dict[str, Any] = {"step": "train", "outcome": "failed", "rows_in": 0, "rows_out": 0}
    code = 1
    try:
        rows, dataset = read_dataset(args.data)
        parts = split(rows)
        lineage = Lineage(chosen_recipe(args), dataset, len(parts.train), args.seed, args.tracker)
        summary["rows_in"] = len(rows)
        reason = None
        if not args.force:
            if already_trained(args.output, lineage):
                reason = f"{args.output} was already trained on dataset {dataset['version']} by this recipe"
            elif args.registry:
                reason = reason_to_skip(lineage.recipe.fingerprint, dataset, rows, args.registry)
        if reason:
            summary |= {"outcome": "skipped", "reason": reason}
        elif args.check:
            summary |= {"outcome": "done", "reason": f"{len(parts.train)} texts to learn"}
        else:
            metrics = make_model(lineage, parts, args.output)
            summary |= {"outcome": "done", "rows_out": len(parts.train), "metrics": metrics}
        code = 0
    except (DataProblem, RecipeProblem, StartProblem, Diverged, OSError) as error:
        summary["reason"] = str(error)
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        summary["reason"], code = "interrupted", 130
    except Terminated as error:
        summary["reason"], code = str(error), 143
        print(f"stopped: {error}", file=sys.stderr)
    summary["seconds"] = round(time.monotonic() - started, 1)
    if is_first_process():
        print(json.dumps(summary, ensure_ascii=False))
    return code


def make_model(lineage: Lineage, parts: Split, output: Path) -> dict[str, Any]:
    """Train aside, publish by rename; `training.json` says what was learnt from.

    Of several processes the first one alone has a hand in files, and a lock on them.
    """
    settings = lineage.as_json()
    name = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
    work = output.with_name(f".{output.name}-{name}")
    if not is_first_process():
        return train(lineage, parts, work)
    with alone(output):
        clear(work, output)
        metrics = train(lineage, parts, work)
        describe(work, settings, parts, metrics)
        publish(work, output)
    return metrics


def clear(work: Path, output: Path) -> None:
    """An empty `work`; of what killed runs left for `output`, its own checkpoints stay. Those that began with
    another dataset or recipe will not be taken up again, and would fill the disk."""
    aside = re.compile(rf"\.{re.escape(output.name)}-[0-9a-f]{{12}}(\.checkpoints)?")
    for left in list(output.parent.iterdir()):
        if aside.fullmatch(left.name) and left.name != f"{work.name}.checkpoints":
            shutil.rmtree(left)
    work.mkdir()


def describe(work: Path, settings: dict[str, Any], parts: Split, metrics: dict[str, Any]) -> None:
    """What tells of the model, `metrics.json` last."""
    settings = settings | {
        "sources": sorted({row.source for row in parts.train}),
        "command": "python -m model_training.train " + " ".join(sys.argv[1:]),
    }
    (work / "training.json").write_text(
        json.dumps(settings, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    )
    (work / "README.md").write_text(model_card(settings, metrics), encoding="utf-8")
    (work / "metrics.json").write_text(json.dumps(metrics, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
