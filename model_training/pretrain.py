"""A base of our own. In: a tokenised corpus (`pretrain_corpus`). Out: a small Russian model to start `tiny`
from, and its bits per character on prose it never saw.

Minutes on a GPU, hours on a CPU; kill it and run it again, and it goes on from its last checkpoint.

Run: `python -m model_training.pretrain --config model_training/configs/base.toml --corpus DIR --output DIR`
"""

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase, set_seed

from model_training import loop, pretrain_corpus
from model_training.engines.pretrained import TorchEngine
from model_training.failures import Diverged, Terminated
from model_training.likelihood import bits_of
from model_training.packing import batches
from model_training.pretrain_corpus import CorpusProblem
from model_training.recipe import Recipe, RecipeProblem, load_recipe
from model_training.tokens import END_OF_TEXT


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


def pretrain(
    corpus: pretrain_corpus.Corpus, recipe: Recipe, seed: int, output: Path
) -> tuple[float, list[dict[str, float]]]:
    """Train, save in bfloat16 to `output`; returns the seconds of training and its log."""
    set_seed(seed)
    model = new_model(corpus.tokenizer, dataclasses.asdict(recipe.shape), recipe.max_text_tokens)
    schedule = loop.schedule_of(recipe, recipe.epochs, seed)
    ready = batches(corpus.examples, recipe.tokens_per_batch, recipe.micro_tokens, seed)
    checkpoints = output.with_name(output.name + ".checkpoints")
    rows, seconds, _ = loop.run(model, ready, schedule, checkpoints, "pretrain", resume=True)
    model.bfloat16().save_pretrained(output)
    corpus.tokenizer.save_pretrained(output)
    loop.write_losses(rows, output)
    return seconds, rows


def bits_per_char(model: Path, texts: list[str]) -> float:
    """Of whole texts, from the first token on."""
    bits = bits_of(TorchEngine(model), [(END_OF_TEXT, text) for text in texts])
    return float(bits.sum()) / sum(len(text) for text in texts)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Pretrain a small Russian base model; resumes by itself when run again.",
        epilog="Exit codes: 0 done, 1 failed, 130/143 killed.",
    )
    parser.add_argument("--config", type=Path, required=True, help="recipe: model_training/configs/base.toml")
    parser.add_argument("--corpus", type=Path, required=True, help="folder made by pretrain_corpus")
    parser.add_argument(
        "--output", type=Path, required=True, help="where the base goes; checkpoints beside it"
    )
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    args = parser.parse_args(argv)
    started = time.monotonic()
    summary: dict[str, Any] = {"step": "pretrain", "outcome": "failed", "rows_in": 0, "rows_out": 0}
    code = 1
    try:
        recipe = load_recipe(args.config)
        corpus = pretrain_corpus.load(args.corpus)
        tokens = sum(len(example.ids) for example in corpus.examples)
        seconds, rows = pretrain(corpus, recipe, args.seed, args.output)
        summary |= {
            "outcome": "done",
            "rows_in": len(corpus.examples),
            "rows_out": 1,
            "tokens": round(tokens * recipe.epochs),
            "training_seconds": round(seconds, 1),
            "loss": rows[-1]["loss"] if rows else None,
            "held_out_bits_per_char": round(bits_per_char(args.output, corpus.held_out), 4),
        }
        code = 0
    except (CorpusProblem, RecipeProblem, Diverged, OSError) as error:
        summary["reason"] = str(error)
        print(f"error: {error}", file=sys.stderr)
    except Terminated as error:
        summary["reason"], code = str(error), 143
        print(f"stopped: {error}", file=sys.stderr)
    summary["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(summary, ensure_ascii=False))
    return code


if __name__ == "__main__":
    raise SystemExit(main())
