"""How fast training is beside other ways to train the same model on the same texts, in the same invocation.

    python -m benchmarks.train --part peers                    CPU: tokens a CPU second at one thread
    python -m benchmarks.train --part peers --device cuda      GPU: tokens a second of wall time
    python -m benchmarks.train --part mfu --device cuda        share of the card's peak
    python -m benchmarks.train --part retrain --device cuda    model_training.train on 20,000 texts, whole

`peers`: ours (model_training.loop as it is), the best hand-written loop, transformers' Trainer padded to 256
and to the longest. Each starts from the same weights, takes the same number of texts a step, makes the same
number of steps with the same AdamW; the loss afterwards is taken on the same unseen texts by one function.
Only real tokens count, padding never. Ratios above 1 are in our favour.

`mfu`: floating-point operations that the mathematics of a step needs, over wall time and the card's dense
bf16 peak. A text of n tokens of which s are scored costs 6 n P + 6 s V w + 6 L h d n (n + 1): P the weights
of the layers' matrices, V w the output matrix, L layers of h heads of width d with causal attention. A
multiply-and-add is two operations, the backward pass twice the forward pass. Nothing is counted for
embeddings, norms, softmax, padding, or anything computed twice. `mfu_6n` beside it is the usual
6 x parameters x tokens, output matrix at every token included, attention left out.

Texts are made here: 70-150 tokens with their prompt. The last line is JSON; a part that fails says so there
and the others go on.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Qwen3Config,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from benchmarks.train_peers import HandLoop, padded_batch, padded_trainer
from model_training import attention, loop
from model_training.packing import batches
from model_training.prompts import DEFAULT_TEMPLATE, SIGN_NAMES, TOPIC_NAMES, controls_of
from model_training.tokens import NO_LOSS, Example, encode, train_tokenizer

PEAKS = {"H200": 989.4e12, "H100 PCIe": 756e12, "H100": 989.4e12, "A100": 312e12, "L4": 121e12}
"""Dense bf16 operations a second, by NVIDIA's data sheets (half of the figure "with sparsity")."""
QWEN = {"num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128}
QWEN |= {"vocab_size": 151_936, "tie_word_embeddings": True, "max_position_embeddings": 4096}
SHAPES: dict[str, Callable[[], PreTrainedConfig]] = {
    "qwen3-0.6b": lambda: Qwen3Config(hidden_size=1024, intermediate_size=3072, **QWEN),
    "qwen3-1.7b": lambda: Qwen3Config(hidden_size=2048, intermediate_size=6144, **QWEN),
    "qwen3-nano": lambda: Qwen3Config(
        hidden_size=64, intermediate_size=96, head_dim=16, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, vocab_size=5000, tie_word_embeddings=True,
    ),
    "tiny": lambda: LlamaConfig(
        hidden_size=256, intermediate_size=704, num_hidden_layers=6, num_attention_heads=4,
        num_key_value_heads=2, vocab_size=8192, tie_word_embeddings=True,
    ),
}  # fmt: skip
SHORTEST, LONGEST = 70, 150
"""Tokens of a text with its prompt."""
VOCABULARY = 430
"""Small, so that a token is about 3 characters of these texts, as with Qwen3's tokenizer in Russian."""
STEMS = (
    *("день", "вечер", "утро", "работа", "дом", "друг", "письмо", "дорога", "встреча", "разговор", "забота"),
    *("мысль", "радость", "тишина", "удача", "решение", "совет", "время", "помощь", "новость", "деньги"),
)
FORMS = ("", "а", "у", "ом", "е", "ы", "ами")
VERBS = (
    "принесёт",
    "обещает",
    "напомнит",
    "подскажет",
    "изменит",
    "поддержит",
    "откроет",
    "удивит",
    "вернёт",
)


def texts(number: int, seed: int) -> list[tuple[str, str, str]]:
    """(sign, topic, text of 140-430 characters)."""
    rng = random.Random(seed)
    made = []
    for _ in range(number):
        wanted, text = rng.randint(140, 390), ""
        while len(text) < wanted:
            words = [rng.choice(STEMS) + rng.choice(FORMS), rng.choice(VERBS)]
            words += [rng.choice(STEMS) + rng.choice(FORMS) for _ in range(rng.randint(2, 5))]
            text += " ".join(words).capitalize() + ". "
        made.append((rng.choice(list(SIGN_NAMES)), rng.choice(list(TOPIC_NAMES)), text.strip()))
    return made


def prompted(rows: Sequence[tuple[str, str, str]]) -> list[tuple[str, str]]:
    return [(DEFAULT_TEMPLATE.render(controls_of(sign, topic, text)), text) for sign, topic, text in rows]


def examples_of(number: int, seed: int) -> list[Example]:
    pairs = prompted(texts(number, seed))
    found = encode(pairs, tokenizer_of(), max_tokens=10_000)
    return [example for example in found if SHORTEST <= len(example.ids) <= LONGEST]


def tokenizer_of() -> PreTrainedTokenizerBase:
    return train_tokenizer((prompt + text for prompt, text in prompted(texts(2000, 0))), VOCABULARY)


def say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


@dataclass
class Stopwatch(TrainerCallback):
    """Seconds of wall and CPU from the end of step `warm` to the end; stops after `limit_s`."""

    warm: int
    limit_s: float
    on_gpu: bool
    steps: int = 0
    """Measured ones."""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    began: tuple[float, float] = (0.0, 0.0)
    made: float = field(default_factory=time.monotonic)
    first_s: float = 0.0
    """From the making of this watch to the end of step `warm`, compiling included."""

    def tick(self, step: int) -> bool:
        """Call after each step; true when it is time to stop."""
        if step == self.warm:
            self._synchronize()
            self.began = (time.perf_counter(), time.process_time())
            self.first_s = time.monotonic() - self.made
        return step > self.warm and step % 5 == 0 and self.stop(step) > self.limit_s

    def stop(self, step: int) -> float:
        """Read the clocks after `step` steps; the seconds of wall time."""
        self._synchronize()
        self.steps = step - self.warm
        self.wall_s, self.cpu_s = time.perf_counter() - self.began[0], time.process_time() - self.began[1]
        return self.wall_s

    def _synchronize(self) -> None:
        if self.on_gpu:
            torch.cuda.synchronize()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        control.should_training_stop |= self.tick(state.global_step)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.stop(state.global_step)

    def watch(self, loop_steps: Iterator[int]) -> None:
        """Run a loop that yields its number of steps after each."""
        step = 0
        for step in loop_steps:
            if self.tick(step):
                break
        self.stop(step)


def flops_of(config: Any, examples: Sequence[Example]) -> tuple[float, float]:
    """Operations to learn from `examples` once: what is needed, and the usual 6 x parameters x tokens."""
    heads, width = config.num_attention_heads, config.hidden_size
    head = getattr(config, "head_dim", None) or width // heads
    inner = heads * head
    matrices = (
        2 * width * inner
        + 2 * width * config.num_key_value_heads * head
        + 3 * width * config.intermediate_size
    )
    body, output = config.num_hidden_layers * matrices, config.vocab_size * width
    needed = usual = 0.0
    for example in examples:
        n, scored = len(example.ids), len(example.ids) - max(example.prompt_tokens, 1)
        needed += 6 * body * n + 6 * output * scored + 6 * config.num_hidden_layers * inner * n * (n + 1)
        usual += 6 * (body + output) * n
    return needed, usual


def new_model(config: PreTrainedConfig, device: torch.device) -> PreTrainedModel:
    torch.manual_seed(1)
    with device:
        return AutoModelForCausalLM.from_config(copy.deepcopy(config), dtype=torch.float32)


def schedule_of(args: argparse.Namespace, attention_kind: str, lr: float) -> loop.Schedule:
    return loop.Schedule(
        epochs=1, optimizer="adamw", matrix_lr=0.0, other_lr=lr, weight_decay=0.0, warmup_share=0.0, seed=1,
        attention=attention_kind, compiled=args.compiled,
    )  # fmt: skip


def learn_ours(model: PreTrainedModel, ready: list[Any], schedule: loop.Schedule, watch: Stopwatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        loop.run(model, ready, schedule, Path(folder), "ours", callbacks=[watch])


def mfu(args: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """One result for each way: ours and the hand-written loop, over ragged and padded attention."""
    config = SHAPES[args.shape]()
    examples = examples_of(args.texts, seed=1)
    tokens = sum(len(example.ids) for example in examples)
    needed, usual = flops_of(config, examples)
    peak = next(
        (
            peak
            for name, peak in PEAKS.items()
            if device.type == "cuda" and name in torch.cuda.get_device_name()
        ),
        None,
    )
    best = attention.best_kind(device, torch.bfloat16)
    say(f"{args.shape}: {len(examples):,} texts, {tokens:,} tokens, attention {best}")
    results: dict[str, Any] = {"attention": best}

    def ours(kind: str) -> Stopwatch:
        model = new_model(config, device)
        ready = batches(examples, args.tokens_a_step, args.tokens_a_step, 1)
        watch = Stopwatch(args.warm, args.seconds, device.type == "cuda")
        learn_ours(model, ready, schedule_of(args, kind, 1e-4), watch)
        return watch

    def hand() -> Stopwatch:
        model = new_model(config, device)
        peer = HandLoop(model, attention_function(best), args.compiled)
        mean = tokens / len(examples)
        ready = peer.batches(examples, round(args.tokens_a_step / mean), 1)
        watch = Stopwatch(args.warm, args.seconds, device.type == "cuda")
        watch.watch(peer.run(ready, len(ready), 1e-4))
        return watch

    ways: dict[str, Callable[[], Stopwatch]] = {f"ours_{best}": lambda: ours(best), "hand": hand}
    if best != "padded" and args.every_attention:
        ways["ours_padded"] = lambda: ours("padded")
    for name, way in ways.items():
        results[name] = guarded(
            name, lambda way=way: rates(way(), args, needed, usual, tokens, len(examples), peak)
        )
    return results


def rates(
    watch: Stopwatch,
    args: argparse.Namespace,
    needed: float,
    usual: float,
    tokens: int,
    number: int,
    peak: float | None,
) -> dict[str, Any]:
    """A step is counted as the mean of all: they are of one size, but for the last."""
    steps_of_all = -(-tokens // args.tokens_a_step)
    share = watch.steps / steps_of_all
    result = {
        "steps": watch.steps,
        "wall_s": round(watch.wall_s, 2),
        "until_warm_s": round(watch.first_s, 1),
        "tokens_per_s": round(tokens * share / watch.wall_s),
        "tflops_needed": round(needed * share / watch.wall_s / 1e12, 1),
    }
    if torch.cuda.is_available():
        result["peak_memory_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 1)
    if peak:
        result["mfu"] = round(needed * share / watch.wall_s / peak, 4)
        result["mfu_6n"] = round(usual * share / watch.wall_s / peak, 4)
    return result


def attention_function(kind: str) -> Callable[..., Any]:
    return attention._varlen() if kind == "varlen" else attention.padded


def guarded(name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result of `work`, or its error: one way that breaks does not cost the others."""
    say(f"{name} …")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        result = work()
    except Exception as error:  # noqa: BLE001 - reported in the result
        traceback.print_exc()
        result = {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
    say(f"{name}: {json.dumps(result)}")
    return result


@torch.inference_mode()
def held_out_loss(model: PreTrainedModel, examples: Sequence[Example], device: torch.device) -> float:
    """Mean nats a scored token, the same for every way: padded, fp32 on a CPU and bf16 on a GPU."""
    model.eval()
    total, count = 0.0, 0
    for at in range(0, len(examples), 16):
        batch = {name: part.to(device) for name, part in padded_batch(examples[at : at + 16]).items()}
        labels = batch.pop("labels")[:, 1:]
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = model(**batch).logits[:, :-1]
        losses = functional.cross_entropy(
            logits.float().flatten(0, 1), labels.flatten(), ignore_index=NO_LOSS, reduction="sum"
        )
        total, count = total + losses.item(), count + int((labels != NO_LOSS).sum())
    return total / count


def peers(args: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Rounds in rotated order; the medians of tokens a second (of CPU time on a CPU) are compared."""
    config = SHAPES[args.shape]()
    examples, unseen = examples_of(args.texts, seed=1), examples_of(200, seed=2)
    tokens = sum(len(example.ids) for example in examples)
    mean, on_gpu = tokens / len(examples), device.type == "cuda"
    kind = attention.best_kind(device, torch.bfloat16)
    steps = len(batches(examples, round(args.texts_a_step * mean), round(args.texts_a_step * mean), 1))
    say(f"{args.shape}: {len(examples):,} texts, {tokens:,} tokens, {steps} steps, attention {kind}")

    def ours(model: PreTrainedModel, watch: Stopwatch) -> None:
        budget = round(args.texts_a_step * mean)
        learn_ours(model, batches(examples, budget, budget, 1), schedule_of(args, kind, args.lr), watch)

    def hand(model: PreTrainedModel, watch: Stopwatch) -> None:
        peer = HandLoop(model, attention_function(kind) if on_gpu else None, args.compiled)
        ready = peer.batches(examples, args.texts_a_step, 1)
        watch.watch(peer.run(ready, len(ready), args.lr))

    def trainer(to: int | None) -> Callable[[PreTrainedModel, Stopwatch], None]:
        return lambda model, watch: padded_trainer(
            model,
            examples,
            texts_a_step=args.texts_a_step,
            parts=args.trainer_parts,
            steps=len(examples) // args.texts_a_step,
            lr=args.lr,
            to=to,
            callback=watch,
        )

    ways = {"ours": ours, "hand": hand, "trainer_256": trainer(256), "trainer_longest": trainer(None)}
    ways = {name: way for name, way in ways.items() if name in args.only}
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    order = list(ways)

    def measured(name: str) -> dict[str, Any]:
        model = new_model(config, device)
        watch = Stopwatch(args.warm, args.seconds, on_gpu)
        ways[name](model, watch)
        seconds = watch.wall_s if on_gpu else watch.cpu_s
        learnt = watch.steps * args.texts_a_step * mean
        return {
            "tokens_per_s": round(learnt / seconds, 1),
            "wall_tokens_per_s": round(learnt / watch.wall_s, 1),
            "steps": watch.steps,
            "until_warm_s": round(watch.first_s, 1),
            "loss": round(held_out_loss(model, unseen, device), 4),
        }

    for number in range(args.rounds):
        for name in order:
            found = guarded(f"round {number + 1} {name}", lambda name=name: measured(name))
            rows[name].append(found)
        order = order[1:] + order[:1]
    return summed_up(rows, "tokens_per_s")


def summed_up(rows: dict[str, list[dict[str, Any]]], rate: str) -> dict[str, Any]:
    good = {name: [row for row in found if "error" not in row] for name, found in rows.items()}
    medians = {name: statistics.median(row[rate] for row in found) for name, found in good.items() if found}
    losses = {name: found[-1]["loss"] for name, found in good.items() if found}
    result: dict[str, Any] = {rate: medians, "loss": losses, "rounds": rows}
    if "ours" in medians:
        result["ratio"] = {
            name: round(medians["ours"] / value, 3) for name, value in medians.items() if name != "ours"
        }
    return result


def retrain(args: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """`python -m model_training.train` as a user calls it: a base of random weights, a dataset made here."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as folder:
        base, data, output = Path(folder) / "base", Path(folder) / "processed", Path(folder) / "model"
        model = new_model(SHAPES[args.shape](), device).bfloat16()
        model.save_pretrained(base)
        del model
        if device.type == "cuda":
            torch.cuda.empty_cache()
        tokenizer_of().save_pretrained(base)
        rows = cleaned_rows(args.texts)
        (data / "part=0123456789ab" / "clean").mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), data / "part=0123456789ab" / "clean" / "part-0.parquet")
        listing = {"version": "0" * 12, "rules_version": "none", "rows": len(rows), "raw_manifests": []}
        parts = [{"id": "0123456789ab", "rows": len(rows)}]
        (data / "dataset.json").write_text(json.dumps(listing | {"parts": parts}))
        say(f"base and {len(rows):,} texts made")
        command = [
            sys.executable,
            "-m",
            "model_training.train",
            "--config",
            args.config,
            "--base-model",
            str(base),
        ]
        command += ["--data", str(data), "--output", str(output)]
        began = time.monotonic()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=args.seconds, check=False)
        wall_s = time.monotonic() - began
        summary = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
        return {"wall_s": round(wall_s, 1), "exit_code": done.returncode, "summary": summary}


def cleaned_rows(number: int) -> list[dict[str, Any]]:
    """Rows of `clean/`, 60 a day, as many days as `number` needs."""
    import datetime as dt
    import hashlib

    rows = []
    for at, (sign, topic, text) in enumerate(texts(number, seed=3)):
        digest = hashlib.sha256(f"{at} {text}".encode()).hexdigest()[:32]
        day = dt.date(2025, 1, 1) + dt.timedelta(days=at // 60)
        rows.append(
            {
                "horoscope_id": digest, "date": day, "sign": sign, "topic": topic, "source": "made_up",
                "language": "ru", "clean_text": text, "text_hash": digest, "cluster_id": digest,
            }
        )  # fmt: skip
    return rows


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=["peers", "mfu", "retrain"], default="peers")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--shape", choices=list(SHAPES), help="default tiny on a CPU, qwen3-0.6b on a GPU")
    parser.add_argument("--texts", type=int, help="texts to make")
    parser.add_argument("--texts-a-step", type=int, help="peers: default 16 on a CPU, 64 on a GPU")
    parser.add_argument("--tokens-a-step", type=int, default=16_384, help="mfu: default 16384")
    parser.add_argument("--warm", type=int, default=5, help="steps before the clock starts, default 5")
    parser.add_argument(
        "--seconds", type=float, default=30, help="measured at most, a way; retrain: time limit"
    )
    parser.add_argument("--rounds", type=int, default=1, help="peers: default 1")
    parser.add_argument("--only", nargs="+", default=["ours", "hand", "trainer_256", "trainer_longest"])
    parser.add_argument("--lr", type=float, help="peers: default 0.001 on a CPU, 0.0003 on a GPU")
    parser.add_argument("--trainer-parts", type=int, help="micro-batches of the Trainer's step: default 1, 4")
    parser.add_argument("--every-attention", action="store_true", help="mfu: padded attention as well")
    parser.add_argument("--no-compile", dest="compiled", action="store_false", default=None)
    parser.add_argument("--compile", dest="compiled", action="store_true")
    parser.add_argument("--config", default="model_training/configs/qwen-0.6b.toml", help="retrain: recipe")
    args = parser.parse_args(argv)
    on_gpu = args.device == "cuda"
    args.compiled = on_gpu if args.compiled is None else args.compiled
    args.shape = args.shape or ("qwen3-0.6b" if on_gpu else "tiny")
    args.lr = args.lr or (3e-4 if on_gpu else 1e-3)
    args.trainer_parts = args.trainer_parts or (4 if on_gpu else 1)
    args.texts_a_step = args.texts_a_step or (64 if on_gpu else 16)
    args.texts = args.texts or {"peers": 4000 if on_gpu else 600, "mfu": 40_000, "retrain": 22_500}[args.part]
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse_arguments(argv)
    if args.device == "cuda" and not torch.cuda.is_available():
        print("error: expected a CUDA device, found none; use --device cpu", file=sys.stderr)
        return 2
    device = torch.device(args.device)
    loop.keep_memory()  # for every peer alike: it is the process's
    if args.device == "cpu":
        torch.set_num_threads(1)
    began = time.monotonic()
    name = torch.cuda.get_device_name() if args.device == "cuda" else "CPU, one thread"
    work = {"peers": peers, "mfu": mfu, "retrain": retrain}[args.part]
    result = guarded(args.part, lambda: work(args, device))
    result |= {"benchmark": "train", "part": args.part, "shape": args.shape, "device": name}
    result |= {"torch": torch.__version__, "seconds": round(time.monotonic() - began, 1)}
    print(json.dumps(result))
    return 1 if "error" in result else 0


if __name__ == "__main__":
    raise SystemExit(main())
