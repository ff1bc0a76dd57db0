"""The training loop: transformers' Trainer over ready batches. In: a model and batches. Out: the model,
trained.

What is ours: batches of a token budget, Muon, progress with an estimate of the end, a log of losses, and
memory kept by the process: without that the allocator returns each step's activations to the system and page
faults take a quarter of the time.
"""

import contextlib
import csv
import ctypes
import math
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import (
    PreTrainedModel,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_callback import PrinterCallback

from model_training.optimizer import MuonWithAdamW, adamw
from model_training.recipe import Diverged
from model_training.sampling import has_fast_bf16
from model_training.tokens import Example, collate

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""glibc's names for mallopt(3)."""
WHOLE = "whole"
"""File in a checkpoint, written last."""


@dataclass(frozen=True)
class Schedule:
    """The numbers of one run of the loop."""

    epochs: float
    optimizer: str
    """`muon` or `adamw`."""
    matrix_lr: float
    """Muon's learning rate, for the matrices."""
    other_lr: float
    """AdamW's, for embeddings, norms and adapters."""
    weight_decay: float
    warmup_share: float
    """Of all steps."""
    seed: int
    save_every_steps: int = 0
    """0: no checkpoints."""
    log_every_steps: int = 10


class BatchList(Dataset[list[Example]]):
    """Ready batches, one an item."""

    def __init__(self, batches: Sequence[list[Example]]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, at: int) -> list[Example]:
        return self.batches[at]


class Progress(TrainerCallback):
    """A line on stderr at each log, with tokens a second and the time left; every loss kept for
    `losses.csv`."""

    def __init__(self, tokens: int, name: str) -> None:
        self.tokens, self.name = tokens, name
        self.rows: list[dict[str, float]] = []
        self.started, self.first_step = time.monotonic(), 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.started, self.first_step = time.monotonic(), state.global_step

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        if not logs or "loss" not in logs or not state.max_steps:
            return
        if not math.isfinite(logs["loss"]):
            raise Diverged(
                f"expected a finite loss, found {logs['loss']}, in step {state.global_step}; "
                "lower the learning rates"
            )
        seconds = time.monotonic() - self.started
        here = max(state.global_step - self.first_step, 1)
        rate = self.tokens * here / state.max_steps / seconds
        left = seconds / here * (state.max_steps - state.global_step)
        self.rows.append({"step": state.global_step, "loss": logs["loss"], "lr": logs["learning_rate"]})
        end = "\r" if sys.stderr.isatty() and state.global_step < state.max_steps else "\n"
        print(
            f"{self.name}: step {state.global_step}/{state.max_steps}, loss {logs['loss']:.3f}, "
            f"{rate:,.0f} tokens/s, {left // 60:.0f}:{left % 60:02.0f} left ",
            end=end,
            file=sys.stderr,
            flush=True,
        )


class WholeMarker(TrainerCallback):
    """Marks a checkpoint whose every file is written; one without the mark was cut off and is passed over."""

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        (Path(args.output_dir or "") / f"checkpoint-{state.global_step}" / WHOLE).touch()


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; those cut off are deleted."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    for path in found:
        if not (path / WHOLE).exists():
            shutil.rmtree(path)
    return next((path for path in reversed(found) if path.exists()), None)


def keep_memory() -> None:
    """Tell glibc to keep freed memory for the next step; elsewhere (musl, macOS) nothing happens."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 32 << 20)
        libc.mallopt(M_TRIM_THRESHOLD, 1 << 30)


def run(
    model: PreTrainedModel,
    batches: Sequence[list[Example]],
    schedule: Schedule,
    folder: Path,
    name: str,
    resume: bool = False,
) -> tuple[list[dict[str, float]], float]:
    """Train `model` in place; checkpoints go to `folder`. Returns the log rows and the seconds it took."""
    keep_memory()
    tokens = round(schedule.epochs * sum(len(example.ids) for batch in batches for example in batch))
    progress = Progress(tokens, name)
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=schedule.epochs,
        per_device_train_batch_size=1,
        warmup_steps=schedule.warmup_share,
        lr_scheduler_type="linear",
        max_grad_norm=1.0,
        bf16=has_fast_bf16(),
        use_cpu=not torch.cuda.is_available(),
        logging_steps=schedule.log_every_steps,
        save_strategy="steps" if schedule.save_every_steps else "no",
        save_steps=schedule.save_every_steps or 500,
        save_total_limit=2,
        seed=schedule.seed,
        data_seed=schedule.seed,
        report_to="none",
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=BatchList(batches),
        data_collator=collate,
        optimizers=(optimizer_of(model, schedule), None),  # type: ignore[arg-type]
        callbacks=[progress, WholeMarker()],
    )
    trainer.remove_callback(PrinterCallback)
    checkpoint = last_whole_checkpoint(folder) if resume else None
    started = time.monotonic()
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return progress.rows, time.monotonic() - started


def optimizer_of(model: PreTrainedModel, schedule: Schedule) -> torch.optim.Optimizer:
    if schedule.optimizer == "muon":
        return MuonWithAdamW(model, schedule.matrix_lr, schedule.other_lr, schedule.weight_decay)
    return adamw(model, schedule.other_lr, schedule.weight_decay)


def write_losses(rows: Sequence[dict[str, float]], folder: Path) -> None:
    """`losses.csv` and its picture."""
    with (folder / "losses.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["step", "loss", "lr"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel="step", ylabel="loss, nats a token", title="Training loss")
    axes.plot([row["step"] for row in rows], [row["loss"] for row in rows])
    figure.savefig(folder / "losses.png", dpi=100)
