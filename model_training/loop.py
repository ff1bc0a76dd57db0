"""The training loop: transformers' Trainer over packs. In: a model and batches. Out: the model, trained.

What is ours: packs instead of padding (`packing`, `attention`, `completion_loss`), Muon, layers compiled one
by one, a step halved when memory runs out, progress with an estimate of the end, a log of losses, and memory
kept by the process: without that the allocator returns each step's activations to the system and page faults
take a quarter of the time.
"""

import contextlib
import csv
import ctypes
import json
import math
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from accelerate import PartialState
from accelerate.utils.memory import should_reduce_batch_size
from torch import nn
from torch.utils.data import Dataset, Sampler, SequentialSampler
from transformers import (
    PreTrainedModel,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.trainer_callback import PrinterCallback

from model_training import packing
from model_training.attention import best_kind, read_packs
from model_training.completion_loss import score_completions
from model_training.failures import Diverged, Terminated, naming_a_full_disk
from model_training.interruption import SaveOnSigterm
from model_training.optimizer import MuonWithAdamW, adamw
from model_training.packing import Batch
from model_training.recipe import Recipe
from model_training.sampling import has_fast_bf16

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""glibc's names for mallopt(3)."""
DIVERGED_NATS = 3.0
"""A loss so far above the lowest before it, nats a token, does not come back."""
WHOLE = "whole"
"""File in a checkpoint, written last: the size of every other file in it."""


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
    in_order: bool = False
    """Take the batches as they stand, because later ones belong to later epochs; else shuffled."""
    save_every_steps: int = 0
    """0: no checkpoints."""
    log_every_steps: int = 10
    attention: str = "auto"
    """One of `attention.KINDS`, or `auto`: the fastest that works here."""
    compiled: bool = False
    """Compile the layers: pays on a GPU."""
    gradient_checkpointing: bool = False
    """Compute activations twice instead of keeping them."""


def schedule_of(recipe: Recipe, epochs: float, seed: int, in_order: bool = False) -> Schedule:
    """The numbers of a recipe, for so many epochs."""
    return Schedule(
        epochs=epochs,
        in_order=in_order,
        optimizer=recipe.optimizer,
        matrix_lr=recipe.matrix_lr,
        other_lr=recipe.other_lr,
        weight_decay=recipe.weight_decay,
        warmup_share=recipe.warmup_share,
        seed=seed,
        save_every_steps=recipe.save_every_steps,
        attention=recipe.attention,
        compiled=compiles(recipe.compile),
        gradient_checkpointing=recipe.gradient_checkpointing,
    )


class BatchList(Dataset[Batch]):
    """Ready batches, one an item."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, at: int) -> Batch:
        return self.batches[at]


class Collator:
    """The tensors of every pack of a batch, and the packs themselves in case they must be halved."""

    def __init__(self, shape: packing.Shape | None, pairs: bool = False) -> None:
        """`pairs`: for an encoder-decoder."""
        self.shape, self.pairs, self.halvings = shape, pairs, 0

    def __call__(self, items: list[Batch]) -> dict[str, Any]:
        batch = [one for item in items for one in item]
        for _ in range(self.halvings):
            batch = [half for one in batch for half in packing.halves(one)]
        if self.pairs:
            tensors = [packing.collate_pairs(one) for one in batch]
        else:
            tensors = [packing.collate(one, self.shape) for one in batch]
        return {
            "packs": tensors,
            "scored": sum(packing.scored(one, self.pairs) for one in batch),
            "texts": _Opaque(items),
            "halvings": self.halvings,
        }

    def halve(self) -> None:
        """Packs of half the size from now on, still of one shape if they were."""
        self.halvings += 1
        if self.shape:
            self.shape = packing.half_of(self.shape)


@dataclass
class _Opaque:
    """Hides a batch from whoever moves tensors to a device."""

    items: list[Batch]


class PackTrainer(Trainer):
    """A step is a batch of packs; the loss is the mean over all scored places of all processes."""

    in_order = False

    @property
    def collator(self) -> Collator:
        return self.data_collator  # type: ignore[return-value]

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler | None:
        dataset = train_dataset or self.train_dataset
        if self.in_order and dataset is not None:
            return SequentialSampler(dataset)  # type: ignore[arg-type]
        return super()._get_train_sampler(train_dataset)

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        while True:
            if inputs["halvings"] != self.collator.halvings:
                inputs = self.collator(inputs["texts"].items)
            try:
                return self._learn(model, inputs)
            except RuntimeError as error:
                if not (should_reduce_batch_size(error) and self._can_halve(inputs)):
                    raise
            # Out of the handler, which holds every tensor of the broken try.
            self._make_room(model)

    def _learn(self, model: nn.Module, inputs: dict[str, Any]) -> torch.Tensor:
        model.train()
        processes, scored = self.accelerator.num_processes, inputs["scored"]
        if processes > 1:
            scored = self.accelerator.reduce(torch.tensor(scored, device=self.args.device))
        total = torch.zeros((), device=self.args.device)
        last = len(inputs["packs"]) - 1
        for number, tensors in enumerate(inputs["packs"]):
            tensors = self._prepare_inputs(tensors)
            waits = contextlib.nullcontext() if number == last else self.accelerator.no_sync(model)
            with waits:
                with self.compute_loss_context_manager():
                    loss = model(**tensors)["loss"] * processes / scored
                self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        model: Any = self.model
        trained = [weight.numel() for weight in model.parameters() if weight.requires_grad]
        # The weights, and the two moments of the optimiser.
        with naming_a_full_disk(Path(self.args.output_dir or "."), 12 * sum(trained)):
            super()._save_checkpoint(*args, **kwargs)

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Not estimated: transformers' estimate would count padding that is not there."""
        return 0

    def _can_halve(self, inputs: dict[str, Any]) -> bool:
        """In one process only: others would wait for gradients that never come."""
        texts = max(len(one) for item in inputs["texts"].items for one in item)
        return texts >> self.collator.halvings > 1 and self.accelerator.num_processes == 1

    def _make_room(self, model: nn.Module) -> None:
        """Packs of half the size from now on. The gradients of the broken try are dropped and the whole batch
        is learnt again, so it stays what it was."""
        model.zero_grad(set_to_none=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.collator.halve()
        parts = 2**self.collator.halvings
        print(f"out of memory: packs are learnt in {parts} parts from now on", file=sys.stderr, flush=True)


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
        self.rows = [_row(entry["step"], entry) for entry in state.log_history if "loss" in entry]

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step == state.max_steps:
            control.should_log = True  # so that the last loss is known however short the run

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
        lowest = min((row["loss"] for row in self.rows), default=logs["loss"])
        if logs["loss"] > lowest + DIVERGED_NATS:
            raise Diverged(
                f"expected a loss near its lowest, {lowest:.2f}, found {logs['loss']:.2f}, in step "
                f"{state.global_step}; lower the learning rates"
            )
        seconds = time.monotonic() - self.started
        here = max(state.global_step - self.first_step, 1)
        rate = self.tokens * here / state.max_steps / seconds
        left = seconds / here * (state.max_steps - state.global_step)
        self.rows.append(_row(state.global_step, logs))
        if not state.is_world_process_zero:
            return
        end = "\r" if sys.stderr.isatty() and state.global_step < state.max_steps else "\n"
        print(
            f"{self.name}: step {state.global_step}/{state.max_steps}, loss {logs['loss']:.3f}, "
            f"{rate:,.0f} tokens/s, {left // 60:.0f}:{left % 60:02.0f} left ",
            end=end,
            file=sys.stderr,
            flush=True,
        )


def _row(step: float, logs: dict[str, float]) -> dict[str, float]:
    return {"step": step, "loss": logs["loss"], "lr": logs["learning_rate"]}


class WholeMarker(TrainerCallback):
    """Marks a checkpoint whose every file is written; one that is not as marked is passed over."""

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            mark_whole(Path(args.output_dir or "") / f"checkpoint-{state.global_step}")


def mark_whole(checkpoint: Path) -> None:
    (checkpoint / WHOLE).write_text(json.dumps(_sizes(checkpoint)))


def is_whole(checkpoint: Path) -> bool:
    """Marked, and not cut short after that: what lost its power may keep the mark and not the weights."""
    try:
        return bool(json.loads((checkpoint / WHOLE).read_text()) == _sizes(checkpoint))
    except (OSError, ValueError):
        return False


def _sizes(checkpoint: Path) -> dict[str, int]:
    files = (path for path in checkpoint.iterdir() if path.is_file() and path.name != WHOLE)
    return {path.name: path.stat().st_size for path in files}


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; the others are deleted."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    whole = [path for path in found if is_whole(path)]
    if PartialState().is_main_process:
        for path in set(found) - set(whole):
            shutil.rmtree(path)
    return whole[-1] if whole else None


def keep_memory() -> None:
    """Tell glibc to keep freed memory for the next step; elsewhere (musl, macOS) nothing happens."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 32 << 20)
        libc.mallopt(M_TRIM_THRESHOLD, 1 << 30)


class Course(NamedTuple):
    """What a training was like; of one that was resumed, `seconds` and `share` are those of the last run."""

    rows: list[dict[str, float]]
    """One for each log: step, loss, lr; those before a kill too."""
    seconds: float
    share: float
    """Of all steps."""


def run(
    model: PreTrainedModel,
    batches: Sequence[Batch],
    schedule: Schedule,
    folder: Path,
    name: str,
    resume: bool = False,
    callbacks: Sequence[TrainerCallback] = (),
) -> Course:
    """Train `model` in place; checkpoints go to `folder`."""
    keep_memory()
    tokens = round(
        schedule.epochs * sum(len(example.ids) for batch in batches for one in batch for example in one)
    )
    progress = Progress(tokens, name)
    sigterm = SaveOnSigterm()
    half = half_precision()
    on_gpu = torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=schedule.epochs,
        per_device_train_batch_size=1,
        warmup_steps=schedule.warmup_share,
        lr_scheduler_type="linear",
        max_grad_norm=1.0,
        bf16=half == torch.bfloat16,
        fp16=half == torch.float16,
        use_cpu=not on_gpu,
        logging_steps=schedule.log_every_steps,
        save_strategy="steps" if schedule.save_every_steps else "no",
        save_steps=schedule.save_every_steps or 500,
        save_total_limit=2,
        seed=schedule.seed,
        data_seed=schedule.seed,
        report_to="none",
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        dataloader_pin_memory=on_gpu,
        accelerator_config={"non_blocking": on_gpu},
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,
    )
    inner: Any = model
    if hasattr(inner, "get_base_model"):  # adapters around it
        inner = inner.get_base_model()
    with made_ready(inner, schedule, half, arguments.device):
        pairs = inner.config.is_encoder_decoder
        fixed = schedule.compiled and not pairs
        collator = Collator(packing.shape_of(batches) if fixed else None, pairs)
        trainer = PackTrainer(
            model=model,
            args=arguments,
            train_dataset=BatchList(batches),
            data_collator=collator,
            optimizers=(optimizer_of(model, schedule), None),  # type: ignore[arg-type]
            callbacks=[progress, WholeMarker(), sigterm, *callbacks],
        )
        trainer.in_order = schedule.in_order
        trainer.remove_callback(PrinterCallback)
        checkpoint = last_whole_checkpoint(folder) if resume else None
        started = time.monotonic()
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        if sigterm.asked:
            raise Terminated(
                f"SIGTERM came: step {trainer.state.global_step} is saved, run the same command again"
            )
        steps = trainer.state.max_steps
        return Course(progress.rows, time.monotonic() - started, 1 - progress.first_step / steps)


def compiles(wish: str) -> bool:
    """Whether to compile the layers: as wished, or, for `auto`, where there is a GPU of the Ampere class or
    newer."""
    if wish == "auto":
        return torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
    return wish == "yes"


def half_precision() -> torch.dtype | None:
    """bf16 where the machine is quick at it, else fp16 on a GPU, else none."""
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.get_device_capability() >= (8, 0) else torch.float16
    return torch.bfloat16 if has_fast_bf16() else None


@contextlib.contextmanager
def made_ready(
    model: PreTrainedModel, schedule: Schedule, half: torch.dtype | None, device: torch.device
) -> Iterator[None]:
    """While it lasts, `model(**collate(pack))` is the summed loss of a pack; then the model is as before."""
    before, kind = model.config._attn_implementation, schedule.attention
    pairs = model.config.is_encoder_decoder
    if not pairs:
        read_packs(model, best_kind(device, half or torch.float32) if kind == "auto" else kind)
    score_completions(model, schedule.compiled)
    if schedule.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    hooks = []
    if half == torch.bfloat16 and not pairs:
        # Autocast would keep the residual stream in fp32, twice the traffic; bf16 models are made in bf16.
        embeddings: Any = model.get_input_embeddings()
        hooks.append(embeddings.register_forward_hook(lambda module, given, made: made.to(torch.bfloat16)))
    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if schedule.compiled and not pairs:
        for layer in layers:
            layer.compile()
    try:
        yield
    finally:
        for layer in layers:
            layer._compiled_call_impl = None
        for hook in hooks:
            hook.remove()
        vars(model).pop("forward", None)
        if not pairs:
            model.set_attn_implementation(before)


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
