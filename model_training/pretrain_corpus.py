"""What a base is pretrained on. In: public-domain prose and made-up horoscopes. Out: a folder with a new
tokenizer, the texts as token ids, and prose held out to measure with.

Tokenised once here, so that a machine with a GPU wastes no minute on it and needs no text at all. The
horoscopes (JSON lines with sign, topic, text, as `demo.grammar --format jsonl` dumps them) are asked for by
the same prompt as in training. The folder is written aside and published by a rename.

Run: `python -m model_training.pretrain_corpus --config model_training/configs/base.toml --prose prose.txt.gz
--horoscopes grammar.jsonl --output DIR`
"""

import argparse
import gzip
import json
import random
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from model_training.prompts import DEFAULT_TEMPLATE, controls_of, with_some_dropped
from model_training.recipe import Recipe, RecipeProblem, load_recipe
from model_training.tokens import Example, blocks, encode, train_tokenizer

MIN_PARAGRAPH_CHARS = 150
BLOCK_TOKENS = 256
TOKENIZER_SAMPLE = 4
"""Every so-manieth paragraph trains the tokenizer."""
HELD_OUT_PARAGRAPHS, HELD_OUT_CHARS = 400, 1200
"""How many paragraphs are held out, none longer than so many characters: they must fit the model whole."""


class CorpusProblem(Exception):
    """There is nothing to learn from; the message says what was expected, found, where, and what to do."""


@dataclass(frozen=True)
class Corpus:
    """Everything pretraining needs."""

    tokenizer: PreTrainedTokenizerBase
    examples: list[Example]
    held_out: list[str]
    """Paragraphs of prose that are in no example."""


def read_prose(path: Path) -> Iterator[str]:
    """Paragraphs of running Russian text; headings, verse and foreign passages are passed over."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        for line in file:
            text = " ".join(line.split())
            letters = len(re.findall("[А-Яа-яЁё]", text))
            if len(text) >= MIN_PARAGRAPH_CHARS and letters > 0.7 * len(text):
                yield text


def read_horoscopes(path: Path) -> Iterator[tuple[str, str]]:
    """(prompt, text) pairs."""
    rng = random.Random(0)
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["sign"] in DEFAULT_TEMPLATE.values["sign"] and row["text"]:
            controls = with_some_dropped(controls_of(row["sign"], row["topic"], row["text"]), 0.1, rng)
            yield DEFAULT_TEMPLATE.render(controls), row["text"]


def hold_out(prose: Sequence[str]) -> tuple[list[str], list[str]]:
    """Shuffled prose -> paragraphs held out, the rest; a paragraph that comes twice is on neither side
    twice."""
    distinct = list(dict.fromkeys(prose))
    short = [text for text in distinct if len(text) <= HELD_OUT_CHARS]
    held_out = short[: min(HELD_OUT_PARAGRAPHS, len(distinct) // 20)]
    kept_out = set(held_out)
    return held_out, [text for text in distinct if text not in kept_out]


def build(prose: list[str], horoscopes: list[tuple[str, str]], recipe: Recipe, seed: int) -> Corpus:
    """Raises CorpusProblem when there is too little prose to hold any out."""
    random.Random(seed).shuffle(prose)
    held_out, rest = hold_out(prose)
    if not held_out:
        raise CorpusProblem(
            f"expected at least 20 paragraphs of {MIN_PARAGRAPH_CHARS} characters or more, a line each, "
            f"found {len(prose)}, in the prose; give more of it"
        )
    sample = [*rest[::TOKENIZER_SAMPLE], *(prompt + text for prompt, text in horoscopes)]
    tokenizer = train_tokenizer(sample, recipe.vocabulary)
    examples = [*blocks(rest, tokenizer, BLOCK_TOKENS), *encode(horoscopes, tokenizer, max_tokens=400)]
    return Corpus(tokenizer, examples, held_out)


def save(corpus: Corpus, folder: Path) -> None:
    """Written aside, published by a rename."""
    aside = folder.with_name(f".{folder.name}-new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    corpus.tokenizer.save_pretrained(aside)
    width = np.min_scalar_type(len(corpus.tokenizer))
    np.savez(
        aside / "examples.npz",
        ids=np.concatenate([np.asarray(example.ids, dtype=width) for example in corpus.examples]),
        lengths=np.asarray([len(example.ids) for example in corpus.examples], dtype=np.uint32),
        prompt_tokens=np.asarray([example.prompt_tokens for example in corpus.examples], dtype=np.uint32),
    )
    (aside / "held_out.json").write_text(json.dumps(corpus.held_out, ensure_ascii=False), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    aside.replace(folder)


def load(folder: Path) -> Corpus:
    """Raises CorpusProblem when the folder holds no corpus."""
    if not (folder / "examples.npz").is_file():
        raise CorpusProblem(
            f"expected examples.npz, found none, in {folder}; run python -m model_training.pretrain_corpus"
        )
    with np.load(folder / "examples.npz") as arrays:
        ids, lengths, prompt_tokens = arrays["ids"], arrays["lengths"], arrays["prompt_tokens"]
    texts = np.split(ids, np.cumsum(lengths)[:-1])
    examples = [
        Example(text.tolist(), int(prompt)) for text, prompt in zip(texts, prompt_tokens, strict=True)
    ]
    held_out = json.loads((folder / "held_out.json").read_text(encoding="utf-8"))
    return Corpus(AutoTokenizer.from_pretrained(folder, local_files_only=True), examples, held_out)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Tokenise what a base is pretrained on.",
        epilog="Exit codes: 0 done, 1 the texts do not do, 2 wrong arguments.",
    )
    parser.add_argument("--config", type=Path, required=True, help="recipe: model_training/configs/base.toml")
    parser.add_argument(
        "--prose", type=Path, required=True, help="plain text, .gz too: a paragraph a line, public domain"
    )
    parser.add_argument(
        "--horoscopes", type=Path, required=True, help="JSON lines from demo.grammar --format jsonl"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder to make")
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    args = parser.parse_args(argv)
    missing = [str(path) for path in (args.prose, args.horoscopes) if not path.is_file()]
    if missing:
        print(f"error: expected a file, found none, in {', '.join(missing)}; give its path", file=sys.stderr)
        return 2
    started = time.monotonic()
    summary: dict[str, object] = {"step": "pretrain_corpus", "outcome": "failed", "rows_in": 0, "rows_out": 0}
    code = 1
    try:
        recipe = load_recipe(args.config)
        prose, horoscopes = list(read_prose(args.prose)), list(read_horoscopes(args.horoscopes))
        corpus = build(prose, horoscopes, recipe, args.seed)
        save(corpus, args.output)
        summary |= {
            "outcome": "done",
            "rows_in": len(prose) + len(horoscopes),
            "rows_out": len(corpus.examples),
            "held_out": len(corpus.held_out),
            "tokens": sum(len(example.ids) for example in corpus.examples),
        }
        code = 0
    except (CorpusProblem, RecipeProblem) as error:
        summary["reason"] = str(error)
        print(f"error: {error}", file=sys.stderr)
    summary["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(summary, ensure_ascii=False))
    return code


if __name__ == "__main__":
    raise SystemExit(main())
