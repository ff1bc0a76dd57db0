"""Models as publish needs them: a registry's address in, the champion and the previous champion out, ready
to write.

The only file that knows `model_training`; it imports the registry when asked for models and inference when
one is loaded, so nothing else in serving ever touches torch or MLflow.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from serving.command import CommandError
from serving.selection import Candidate

Cell = tuple[str, str]
"""(topic, sign)"""


class CannotWriteError(Exception):
    """This model cannot write this day; the message says why, and another model may be tried."""


class Writer(Protocol):
    """A loaded model that writes texts."""

    def write(self, day: dt.date, cells: Sequence[Cell], candidates: int, attempt: int) -> list[Candidate]:
        """All sampled texts for the cells, with gates; another `attempt`, other seeds. Repeatable."""


class RegisteredModel(Protocol):
    """One version in the registry."""

    status: str
    """`champion` or `previous_champion`."""

    def lineage(self) -> dict[str, Any]:
        """`model` of horoscopes.json."""

    def load(self) -> Writer:
        """Raises CannotWriteError when the model is damaged."""


@dataclass
class GatedWriter:
    """`model_training.inference.Writer` with its accepted and rejected texts told one by one."""

    writer: Any

    def write(self, day: dt.date, cells: Sequence[Cell], candidates: int, attempt: int) -> list[Candidate]:
        try:
            texts = self.writer.write_cells(
                day, [(sign, topic) for topic, sign in cells], candidates, attempt
            )
        except Exception as error:  # a topic never taught, no memory left: another model may manage
            raise CannotWriteError(_told(error)) from error
        return [candidate for text in texts for candidate in candidates_of(text)]


def candidates_of(text: Any) -> Iterator[Candidate]:
    """Every sampled candidate of one `inference.Text`; its own order of the accepted ones is the score."""
    cell = {"sign": text.sign, "topic": text.topic, "language": text.language, "seed": text.seed}
    for rank, accepted in enumerate(text.accepted):
        yield Candidate(**cell, text=accepted, gates=dict.fromkeys(text.gates, True), score=-float(rank))
    for rejected in text.rejected:
        gates = {name: name not in rejected.failed for name in text.gates}
        yield Candidate(**cell, text=rejected.text, gates=gates, score=float("-inf"))


def _told(error: Exception) -> str:
    """One line; a problem that model_training names itself needs no type before it."""
    named = type(error).__name__.endswith("Problem") or isinstance(error, ValueError)
    return str(error) if named else f"{type(error).__name__}: {error}"


@dataclass
class RegistryModel:
    """A version of `model_training.registry`."""

    version: Any
    status: str

    def lineage(self) -> dict[str, Any]:
        return {
            "name": self.version.name,
            "version": str(self.version.version),
            "run_id": self.version.run_id,
            "dataset_version": self.version.dataset_version,
            "sources": list(self.version.sources),
        }

    def load(self) -> Writer:
        from model_training import inference, registry

        try:
            registry.verify(self.version)
            writer = inference.load(self.version.path, version=str(self.version.version))
        except (
            Exception
        ) as error:  # damaged files fail in a hundred ways; each means "try the previous champion"
            raise CannotWriteError(_told(error)) from error
        return GatedWriter(writer)


def registered_models(address: str) -> list[RegisteredModel]:
    """The champion first, then the previous one if there is any; one clear line when there is no champion."""
    from model_training import registry

    try:
        champion, previous = registry.champion(address), registry.previous_champion(address)
    except registry.RegistryProblem as error:
        raise CommandError(str(error)) from error
    except Exception as error:  # MLflow and its database have errors of their own; all mean "cannot be read"
        raise CommandError(
            f"expected a readable registry, found {type(error).__name__}, in {address}"
        ) from error
    models: list[RegisteredModel] = [RegistryModel(champion, "champion")]
    return models + ([RegistryModel(previous, "previous_champion")] if previous else [])


def model_record(address: str, version: str) -> dict[str, Any] | None:
    """What the registry keeps of a version: lineage, metrics, the decision about it; None if it is gone."""
    from model_training import registry

    known = registry.versions(address) if registry.exists(address) else []
    found = next((each for each in known if str(each.version) == version), None)
    if found is None:
        return None
    training = json.loads((found.path / "training.json").read_text(encoding="utf-8"))
    evaluation = json.loads((found.path / "evaluation.json").read_text(encoding="utf-8"))
    decision = json.loads(found.tags.get(registry.DECISION, "{}"))
    return {
        "seed": training["seed"],
        "config": training["config"],
        "rules_version": training["rules_version"],
        "raw_manifests": training["raw_manifests"],
        "metrics": {name: figure["value"] for name, figure in evaluation["metrics"].items()},
        "decision": "; ".join(decision.get("reasons", [])),
    }
