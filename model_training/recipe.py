"""A run's settings. In: a TOML file. Out: a `Recipe`, every field checked; unknown names are refused with
the known ones."""

import dataclasses
import hashlib
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent

OF_THE_MACHINE = {"tokens_per_pack", "save_every_steps", "attention", "compile", "gradient_checkpointing"}
"""Settings that say how a machine gets through a run, not what it learns."""


class RecipeProblem(Exception):
    """The file is no recipe; the message says what was expected, found, where, and what to do."""


@dataclass(frozen=True)
class Shape:
    """The new model, when there is no base: transformers' LlamaConfig names."""

    hidden_size: int = 256
    num_hidden_layers: int = 6
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    intermediate_size: int = 704


@dataclass(frozen=True)
class Lora:
    """Adapters instead of full training; merged into the weights at the end."""

    rank: int = 32
    alpha: int = 32
    dropout: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """One training run."""

    base: str = ""
    """Directory or hub name of the model to start from, relative to this package first; empty: from
    nothing."""
    vocabulary: int = 8192
    """Tokens of the tokenizer trained on the data, when there is no base."""
    shape: Shape = field(default_factory=Shape)
    lora: Lora | None = None
    epochs: float = 3.0
    max_tokens: int = 0
    """Real tokens to see at most (0: no bound), so that the time on a known machine is known."""
    tokens_per_batch: int = 4096
    """Of one optimiser step, over all processes."""
    tokens_per_pack: int = 0
    """What memory holds at one time: a batch is learnt in packs of so many tokens (0: in one)."""
    max_text_tokens: int = 512
    optimizer: str = "muon"
    """`muon` (with AdamW for embeddings) or `adamw`."""
    matrix_lr: float = 5e-3
    """Muon's learning rate; not used by `adamw`."""
    other_lr: float = 3e-3
    weight_decay: float = 0.1
    warmup_share: float = 0.05
    drop_controls: float = 0.1
    """Chance that a control line is left out of a training prompt."""
    tone_share: float = 0.0
    """Share of the training prompts that name the text's tone; 0: the model is not taught tones."""
    save_every_steps: int = 25
    attention: str = "auto"
    """`varlen`, `padded` or `masked` (see attention.py), or `auto`: the fastest that works here."""
    compile: str = "auto"
    """`yes`, `no`, or `auto`: where there is a GPU."""
    gradient_checkpointing: bool = False
    """Compute activations twice instead of keeping them: slower by a third, for big models."""

    saved_as: str = "fp32"
    """`fp32` or `bf16`: the numbers in the finished model directory."""

    @property
    def micro_tokens(self) -> int:
        return self.tokens_per_pack or self.tokens_per_batch

    @property
    def fingerprint(self) -> str:
        """12 hex digits over every setting that changes what is learnt: another recipe, another
        fingerprint."""
        settings = {
            name: value for name, value in dataclasses.asdict(self).items() if name not in OF_THE_MACHINE
        }
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]

    def base_address(self) -> str:
        """The base as transformers takes it: a folder shipped with this package, another folder, or a hub
        name."""
        shipped = PACKAGE / self.base
        return str(shipped) if self.base and shipped.is_dir() else self.base


def load_recipe(path: Path) -> Recipe:
    """Raises RecipeProblem when the file is missing, is no TOML, or names a setting that does not exist."""
    if not path.is_file():
        known = ", ".join(sorted(str(file) for file in (PACKAGE / "configs").glob("*.toml")))
        raise RecipeProblem(f"expected a recipe, found no file, in {path}; choose one of {known}")
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise RecipeProblem(f"expected TOML, found {error}, in {path}; mend the file") from error
    if "shape" in settings:
        settings["shape"] = _build(Shape, settings["shape"], path)
    if "lora" in settings:
        settings["lora"] = _build(Lora, settings["lora"], path)
    recipe: Recipe = _build(Recipe, settings, path)
    if recipe.optimizer not in ("muon", "adamw"):
        raise RecipeProblem(
            f"expected optimizer muon or adamw, found {recipe.optimizer}, in {path}; choose one"
        )
    return recipe


def _build(kind: type, settings: dict[str, Any], path: Path) -> Any:
    fields = {f.name: f for f in dataclasses.fields(kind)}
    unknown = sorted(set(settings) - set(fields))
    if unknown:
        raise RecipeProblem(
            f"expected {', '.join(fields)}, found {', '.join(unknown)}, in {path}; remove or rename them"
        )
    return kind(**settings)
