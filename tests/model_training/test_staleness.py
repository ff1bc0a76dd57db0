"""A champion is trained anew for enough new text, a changed recipe or worse foretelling; for nothing else."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from model_training import registry, staleness
from model_training.corpus import read_dataset
from model_training.recipe import load_recipe


@pytest.fixture
def champion(nano_model: Path, tmp_path: Path):
    """Registers the small model as champion, promoted with so many bits per character; gives the address."""

    def crown(bits: float) -> str:
        model = tmp_path / "model"
        shutil.copytree(nano_model, model)
        metrics = {"bits_per_character": {"value": bits, "n": 9, "low": bits, "high": bits}}
        (model / "evaluation.json").write_text(json.dumps({"metrics": metrics, "against_champion": None}))
        address = str(tmp_path / "registry")
        registry.register(address, model, "2026-11-23")
        registry._client(address).set_registered_model_alias(registry.NAME, registry.CHAMPION, "1")
        return address

    return crown


def reason(address: str, processed: Path, config: Path, version: str = "new", more: int = 10) -> str | None:
    rows, dataset = read_dataset(str(processed))
    changed = dataset | {"version": version, "rows": dataset["rows"] + more}
    return staleness.reason_to_skip(load_recipe(config).fingerprint, changed, rows, address)


def test_with_too_little_new_text_and_good_foretelling_the_run_is_skipped_with_figures(
    champion, processed: Path, nano_config: Path
) -> None:
    said = reason(champion(9.0), processed, nano_config)
    assert said is not None
    assert said.startswith("10 new texts since champion 1, 500 needed; bits per character ")
    assert "9.000 at promotion, 9.270 would be stale" in said


def test_foretelling_that_got_worse_trains_anew(champion, processed: Path, nano_config: Path) -> None:
    rows, _ = read_dataset(str(processed))
    address = champion(1.0)
    now = staleness.drift_of(registry.champion(address).path, rows)
    assert now is not None and now.is_stale
    assert reason(address, processed, nano_config) is None


def test_only_texts_the_champion_never_learnt_are_foretold(champion, processed: Path) -> None:
    rows, _ = read_dataset(str(processed))
    path = registry.champion(champion(1.0)).path
    unseen = json.loads((path / "metrics.json").read_text())["test_from"]
    drift = staleness.drift_of(path, rows)
    assert drift is not None
    assert drift.texts == sum(row.date.isoformat() >= unseen for row in rows)
    assert staleness.drift_of(path, [row for row in rows if row.date.isoformat() < unseen]) is None


def test_three_percent_is_the_limit() -> None:
    assert not staleness.Drift(now=1.0299, texts=9, then=1.0).is_stale
    assert staleness.Drift(now=1.0301, texts=9, then=1.0).is_stale


def test_enough_new_text_trains_anew(champion, processed: Path, nano_config: Path) -> None:
    address = champion(9.0)
    assert reason(address, processed, nano_config, more=499) is not None
    assert reason(address, processed, nano_config, more=500) is None


def test_another_recipe_trains_anew_another_machine_does_not(
    champion, processed: Path, nano_config: Path
) -> None:
    recipe = load_recipe(nano_config)
    rows, dataset = read_dataset(str(processed))
    address = champion(9.0)
    changed = dataclasses.replace(recipe, epochs=3.0)
    moved = dataclasses.replace(recipe, compile="no", tokens_per_pack=512, attention="masked")
    assert staleness.reason_to_skip(changed.fingerprint, dataset, rows, address) is None
    said = staleness.reason_to_skip(moved.fingerprint, dataset, rows, address)
    assert said == "champion 1 was trained on this dataset, abcdef012345"
