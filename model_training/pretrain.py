"""A base of our own. In: Russian prose and horoscopes of the grammar. Out: a small model to fine-tune from.

    python -m model_training.pretrain --config model_training/configs/base.toml \\
        --prose prose.txt.gz --horoscopes grammar.jsonl --output DIR [--steps N] [--finish]

No pretrained Russian model is needed, nor a GPU: the model learns the language from prose, and the shape of
a horoscope from the grammar, each written after the prompt it will meet later. The rate is constant until
`--finish` lets it decay, so a run may be stopped at any instant, resumed by the same command, and made
longer: Hägele et al. 2024, "Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations".

Exit codes: 0 done, 2 wrong arguments; SIGTERM and Ctrl-C lose at most `checkpoint_every` steps.
"""

import argparse
import gzip
import json
import math
import re
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from model_training.prompts import DEFAULT_TEMPLATE, controls_of
from model_training.tokens import train_tokenizer

CHECKPOINT = "checkpoint.pt"
NATS_PER_BIT = math.log(2)


@dataclass(frozen=True)
class Stream:
    """Token ids of one kind of text, cut into training and held-out blocks."""

    train: np.ndarray
    """uint16, [tokens]"""
    held_out: np.ndarray
    """uint16, [blocks, block_tokens]"""
    chars_per_token: float


def read_prose(path: Path) -> list[str]:
    """Paragraphs of a plain-text file (gzip or not), typography made that of the cleaned horoscopes."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        paragraphs = (re.sub(r"\s+", " ", line).strip() for line in file)
        return [re.sub(r" [-–] ", " — ", text) for text in paragraphs if len(text) >= 40]


def read_horoscopes(path: Path) -> list[str]:
    """Prompt and text of each row of a JSON-lines file with `sign`, `topic` and `text`."""
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [
        DEFAULT_TEMPLATE.render(controls_of(row["sign"], row["topic"], row["text"])) + row["text"]
        for row in rows
    ]


def tokenise(texts: list[str], tokenizer: PreTrainedTokenizerBase, settings: dict[str, Any]) -> Stream:
    ids: list[int] = []
    for start in range(0, len(texts), 1000):
        for encoded in tokenizer(texts[start : start + 1000], add_special_tokens=False)["input_ids"]:
            ids += [*encoded, tokenizer.eos_token_id]
    stream = np.array(ids, dtype=np.uint16)
    block = settings["block_tokens"]
    held_out_blocks = max(8, int(len(stream) * settings["held_out_share"]) // block)
    border = len(stream) - held_out_blocks * block
    return Stream(stream[:border], stream[border:].reshape(-1, block), sum(map(len, texts)) / len(ids))


def sample_blocks(
    streams: list[Stream], shares: list[float], step: int, settings: dict[str, Any]
) -> torch.Tensor:
    """The blocks of one step, [blocks_per_step, block_tokens]; the same step always draws the same blocks."""
    rng = np.random.default_rng((settings["seed"], step))
    chosen = rng.choice(len(streams), size=settings["blocks_per_step"], p=shares)
    starts = [rng.integers(len(streams[index].train) - settings["block_tokens"]) for index in chosen]
    rows = [
        streams[index].train[start : start + settings["block_tokens"]]
        for index, start in zip(chosen, starts, strict=True)
    ]
    return torch.from_numpy(np.stack(rows).astype(np.int64))


def optimizers(model: LlamaForCausalLM, settings: dict[str, Any]) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for the rest: https://kellerjordan.github.io/posts/muon/"""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(matrices, lr=settings["muon_rate"], weight_decay=0.01),
        torch.optim.AdamW(others, lr=settings["adam_rate"], betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]


def rate_factor(step: int, decay_from: int | None, settings: dict[str, Any]) -> float:
    """Share of the full learning rate: warm-up, plateau, linear decay to zero."""
    if decay_from is not None and step >= decay_from:
        return 1 - (step - decay_from + 1) / settings["decay_steps"]
    return min(1.0, (step + 1) / settings["warmup_steps"])


def mean_loss(model: LlamaForCausalLM, ids: torch.Tensor) -> torch.Tensor:
    """Mean NLL per predicted token, nats; bf16 products where the CPU or GPU has them."""
    with torch.autocast(ids.device.type, dtype=torch.bfloat16):
        return model(input_ids=ids, labels=ids, use_cache=False).loss


@torch.inference_mode()
def bits_per_character(model: LlamaForCausalLM, stream: Stream, device: torch.device) -> float:
    losses = [
        mean_loss(model, torch.from_numpy(part.astype(np.int64)).to(device))
        for part in np.array_split(stream.held_out, max(1, len(stream.held_out) // 16))
    ]
    return float(torch.stack(losses).mean()) / NATS_PER_BIT / stream.chars_per_token


def save_atomically(state: dict[str, Any], path: Path) -> None:
    aside = path.with_suffix(".new")
    torch.save(state, aside)
    aside.replace(path)


class Pretraining:
    """A run that can be stopped anywhere: everything it knows lies in `output/checkpoint.pt`."""

    def __init__(
        self, settings: dict[str, Any], streams: dict[str, Stream], vocab_size: int, output: Path
    ) -> None:
        torch.manual_seed(settings["seed"])
        self.settings, self.streams, self.output = settings, streams, output
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        config = LlamaConfig(
            vocab_size=vocab_size,
            tie_word_embeddings=True,
            bos_token_id=0,
            eos_token_id=0,
            **settings["model"],
        )
        self.model: LlamaForCausalLM = LlamaForCausalLM(config)
        torch.nn.Module.to(self.model, self.device)
        self.optimizers = optimizers(self.model, settings)
        self.step = 0
        self.decay_from: int | None = None
        self.curve: list[dict[str, float]] = []
        if (output / CHECKPOINT).exists():
            self.load()

    def load(self) -> None:
        state = torch.load(self.output / CHECKPOINT, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.decay_from, self.curve = state["step"], state["decay_from"], state["curve"]

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "decay_from": self.decay_from,
            "curve": self.curve,
        }
        save_atomically(state, self.output / CHECKPOINT)

    def shares(self) -> list[float]:
        key = "horoscope_share" if self.decay_from is None else "horoscope_share_decay"
        return [1 - self.settings[key], self.settings[key]]

    def train_one_step(self) -> float:
        factor = rate_factor(self.step, self.decay_from, self.settings)
        for optimizer, rate in zip(self.optimizers, ("muon_rate", "adam_rate"), strict=True):
            optimizer.param_groups[0]["lr"] = self.settings[rate] * factor
        ids = sample_blocks(list(self.streams.values()), self.shares(), self.step, self.settings).to(
            self.device
        )
        loss = mean_loss(self.model, ids)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.step += 1
        return loss.item()

    def run(self, steps: int, finish: bool) -> Iterator[dict[str, float]]:
        """Train to `steps` at the full rate, then decay if `finish`; yields the curve point by point."""
        while True:
            if self.decay_from is None and self.step >= steps:
                if not finish:
                    return
                self.decay_from = self.step
            if self.decay_from is not None and self.step >= self.decay_from + self.settings["decay_steps"]:
                return
            loss = self.train_one_step()
            if self.step % self.settings["checkpoint_every"] == 0:
                point = {"step": self.step, "loss": loss} | {
                    f"{name}_bpc": bits_per_character(self.model, stream, self.device)
                    for name, stream in self.streams.items()
                }
                self.curve.append(point)
                self.save()
                yield point


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m model_training.pretrain", description="Pretrain a small base model."
    )
    parser.add_argument("--config", type=Path, required=True, help="TOML with sizes, rates and steps")
    parser.add_argument("--prose", type=Path, required=True, help="plain Russian text, .txt or .txt.gz")
    parser.add_argument(
        "--horoscopes", type=Path, required=True, help="JSON lines from python -m demo.grammar --format jsonl"
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="folder for the checkpoint and, finished, the model"
    )
    parser.add_argument("--steps", type=int, help="steps at the full rate (default: the config's)")
    parser.add_argument("--finish", action="store_true", help="then let the rate decay and write the model")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    document = tomllib.loads(arguments.config.read_text(encoding="utf-8"))
    settings = {**document["train"], "model": document["model"], "seed": document["seed"]}
    for path in (arguments.prose, arguments.horoscopes):
        if not path.is_file():
            print(f"error: expected a text file, found nothing, at {path}", file=sys.stderr)
            return 2
    arguments.output.mkdir(parents=True, exist_ok=True)
    prose, horoscopes = read_prose(arguments.prose), read_horoscopes(arguments.horoscopes)
    tokenizer_folder = arguments.output / "tokenizer"
    if tokenizer_folder.exists():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(tokenizer_folder)
    else:
        tokenizer = train_tokenizer(prose[::4] + horoscopes, document["vocab_size"])
        tokenizer.save_pretrained(tokenizer_folder)
    streams = {
        "prose": tokenise(prose, tokenizer, settings),
        "horoscopes": tokenise(horoscopes, tokenizer, settings),
    }
    training = Pretraining(settings, streams, len(tokenizer), arguments.output)
    tokens_per_step = settings["blocks_per_step"] * settings["block_tokens"]
    started, first = time.monotonic(), training.step
    for point in training.run(arguments.steps or settings["steps"], arguments.finish):
        speed = (training.step - first) * tokens_per_step / (time.monotonic() - started)
        shown = "  ".join(f"{name} {value:.3f}" for name, value in point.items() if name != "step")
        print(f"pretrain: step {training.step}  {shown}  {speed:,.0f} tokens/s", file=sys.stderr, flush=True)
    training.save()
    if arguments.finish:
        torch.nn.Module.to(training.model, torch.bfloat16)
        training.model.save_pretrained(arguments.output / "model")
        tokenizer.save_pretrained(arguments.output / "model")
    summary = {
        "step": "pretrain",
        "outcome": "done",
        "rows_in": len(prose) + len(horoscopes),
        "rows_out": 1,
        "seconds": round(time.monotonic() - started, 1),
        "steps": training.step,
        "tokens": training.step * tokens_per_step,
        **(training.curve[-1] if training.curve else {}),
    }
    print(json.dumps(summary, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
