"""A base of our own. In: public-domain prose and made-up horoscopes. Out: a small Russian model to start
`tiny` from.

The horoscopes (JSON lines with sign, topic, text, as `demo.grammar --format jsonl` dumps them) are asked for
by the same prompt as in training. Runs for hours on a CPU; kill it and run it again, and it goes on from its
last checkpoint.

Run: `python -m model_training.pretrain --prose prose.txt.gz --horoscopes demo.jsonl --output DIR`
"""

import argparse
import gzip
import json
import random
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase, set_seed

from model_training import loop
from model_training.prompts import DEFAULT_TEMPLATE, controls_of, with_some_dropped
from model_training.tokens import Example, batches, blocks, encode, train_tokenizer

MIN_PARAGRAPH_CHARS = 150
BLOCK_TOKENS = 256
TOKENIZER_SAMPLE = 4
"""Every so-manieth paragraph trains the tokenizer."""
MODEL_SHAPE: dict[str, Any] = {
    "hidden_size": 256,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 704,
}


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


def new_model(
    tokenizer: PreTrainedTokenizerBase, shape: dict[str, Any], max_tokens: int = 512
) -> LlamaForCausalLM:
    """A Llama-style model with random weights; set the seed before."""
    end = tokenizer.eos_token_id
    config = LlamaConfig(
        **shape,
        vocab_size=len(tokenizer),
        max_position_embeddings=max_tokens,
        tie_word_embeddings=True,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
    )
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(bos_token_id=end, eos_token_id=end, pad_token_id=end)
    return model


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Pretrain a small Russian base model; resumes by itself when run again."
    )
    parser.add_argument(
        "--prose", type=Path, required=True, help="plain text, .gz too: a paragraph a line, public domain"
    )
    parser.add_argument(
        "--horoscopes", type=Path, required=True, help="JSON lines from demo.grammar --format jsonl"
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="where the base goes; checkpoints beside it"
    )
    parser.add_argument(
        "--vocabulary", type=int, default=8192, help="tokens in the new tokenizer, default 8192"
    )
    parser.add_argument(
        "--prose-share", type=float, default=1.0, help="part of the prose to read, default all"
    )
    parser.add_argument("--tokens-per-batch", type=int, default=8192, help="default 8192")
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    args = parser.parse_args(argv)
    missing = [str(path) for path in (args.prose, args.horoscopes) if not path.is_file()]
    if missing:
        print(f"error: expected a file, found none, in {', '.join(missing)}; give its path", file=sys.stderr)
        return 2
    set_seed(args.seed)
    started = time.monotonic()
    prose = list(read_prose(args.prose))
    random.Random(args.seed).shuffle(prose)
    prose = prose[: round(len(prose) * args.prose_share)]
    horoscopes = list(read_horoscopes(args.horoscopes))
    sample = [*prose[::TOKENIZER_SAMPLE], *(prompt + text for prompt, text in horoscopes)]
    tokenizer = train_tokenizer(sample, args.vocabulary)
    examples: list[Example] = [
        *blocks(prose, tokenizer, BLOCK_TOKENS),
        *encode(horoscopes, tokenizer, max_tokens=400),
    ]
    work = args.output.with_name(args.output.name + ".checkpoints")
    schedule = loop.Schedule(
        epochs=1,
        optimizer="muon",
        matrix_lr=5e-3,
        other_lr=3e-3,
        weight_decay=0.1,
        warmup_share=0.02,
        seed=args.seed,
        save_every_steps=50,
    )
    model = new_model(tokenizer, MODEL_SHAPE)
    rows, seconds = loop.run(
        model, batches(examples, args.tokens_per_batch, args.seed), schedule, work, "pretrain", resume=True
    )
    model.bfloat16().save_pretrained(args.output)
    tokenizer.save_pretrained(args.output)
    loop.write_losses(rows, args.output)
    tokens = sum(len(example.ids) for example in examples)
    summary = {
        "step": "pretrain",
        "outcome": "done",
        "rows_in": len(prose) + len(horoscopes),
        "rows_out": 1,
        "seconds": round(time.monotonic() - started, 1),
        "training_seconds": round(seconds, 1),
        "tokens": tokens,
        "loss": rows[-1]["loss"],
    }
    print(json.dumps(summary))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
