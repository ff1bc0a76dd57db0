"""The writer draws, gates and chooses; the engine samples fast and always the same."""

import datetime as dt
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from model_training import inference
from model_training.gates import GATE_NAMES, Gates
from model_training.prompts import DEFAULT_TEMPLATE

DAY = dt.date(2026, 11, 23)


WORDS = ("дом", "сад", "река", "лес", "поле", "гора", "утро", "вечер")
OTHER_WORDS = ("зима", "весна", "лето", "осень", "книга", "песня", "чашка", "окно")


def long_text(number: int) -> str:
    """A well-formed text of about 350 characters, another for every number."""
    words = WORDS + OTHER_WORDS
    sentences = [
        f"{words[(number + k) % 16].capitalize()} напомнит про {words[(number * 3 + k * 5) % 16]} "
        f"и {words[(number + k * 7) % 16]} номер {number}{k}."
        for k in range(8)
    ]
    return " ".join(sentences)


class Scripted:
    """An engine that answers from a function of the seed and counts its work."""

    def __init__(self, answer) -> None:
        self.answer, self.asked = answer, 0

    def complete(self, prompts, seeds, signs):
        self.asked += len(prompts)
        return [(self.answer(seed), 0.0) for seed in seeds]


def writer_of(answer) -> inference.Writer:
    return inference.Writer(Scripted(answer), DEFAULT_TEMPLATE, Gates.build([], []), "7")


def test_one_answer_for_every_topic_and_sign_in_order() -> None:
    texts = writer_of(lambda seed: long_text(seed % 97)).write(DAY, ["leo", "aries"], ["love", "general"], 4)
    assert [(t.topic, t.sign) for t in texts] == [
        ("love", "leo"),
        ("love", "aries"),
        ("general", "leo"),
        ("general", "aries"),
    ]
    assert all(t.text and t.gates == dict.fromkeys(GATE_NAMES, True) for t in texts)
    assert all(300 <= t.chars == len(t.text) <= 500 and t.model_version == "7" for t in texts)


def test_more_candidates_are_drawn_only_where_none_passed() -> None:
    writer = writer_of(lambda seed: long_text(1))
    writer.write(DAY, ["leo", "aries"], ["general"], 8)
    assert writer.engine.asked == 2 * inference.FIRST_ROUND
    hopeless = writer_of(lambda seed: "Коротко.")
    (text,) = hopeless.write(DAY, ["leo"], ["general"], 8)
    assert hopeless.engine.asked == 8
    assert text.text is None and text.chars == 0
    assert len(text.rejected) == 8 and text.rejected[0].failed == ("format",)


def test_the_seed_depends_on_day_sign_topic_version_and_attempt_and_nothing_else() -> None:
    seeds = {
        inference.seed_of(DAY, "leo", "love", "7"),
        inference.seed_of(DAY, "leo", "love", "8"),
        inference.seed_of(DAY, "leo", "general", "7"),
        inference.seed_of(DAY, "aries", "love", "7"),
        inference.seed_of(DAY + dt.timedelta(1), "leo", "love", "7"),
        inference.seed_of(DAY, "leo", "love", "7", attempt=1),
    }
    assert len(seeds) == 6
    assert inference.seed_of(DAY, "leo", "love", "7") == 7806772173267742369


def test_a_published_entry_has_the_documented_fields() -> None:
    (text,) = writer_of(lambda seed: long_text(2)).write(DAY, ["leo"], ["love"], 2)
    assert set(text.as_published()) == {
        *("sign", "topic", "language", "text", "chars", "seed", "candidates", "gates", "model_version")
    }


def test_an_unknown_sign_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"expected one of aries, .*'ophiuchus'"):
        writer_of(lambda seed: "").write(DAY, ["ophiuchus"], ["general"])


def test_of_what_passes_the_text_the_model_is_surest_of_comes_first() -> None:
    class Doubting(Scripted):
        def complete(self, prompts, seeds, signs):
            return [(self.answer(seed), -(seed % 7)) for seed in seeds]

    engine = Doubting(lambda seed: long_text(seed % 97))
    writer = inference.Writer(engine, DEFAULT_TEMPLATE, Gates.build([], []), "7")
    [text] = writer.write(DAY, ["leo"], ["general"], candidates=7, rounds=(7,))
    seeds = range(text.seed, text.seed + 7)
    assert text.text == long_text(min(seeds, key=lambda seed: seed % 7) % 97)


@pytest.mark.parametrize("candidates", [2, 4])
def test_the_next_cell_does_not_repeat_what_the_one_before_said(candidates: int) -> None:
    class Fond(Scripted):
        def complete(self, prompts, seeds, signs):
            """Every cell: the same favourite, then texts of its own."""
            own = [(long_text(at + 2), -0.2) for at in range(len(seeds))]
            return [(long_text(1), -0.1) if at % candidates == 0 else own[at] for at in range(len(seeds))]

    writer = inference.Writer(Fond(long_text), DEFAULT_TEMPLATE, Gates.build([], []), "7")
    first, second = writer.write(DAY, ["leo", "aries"], ["general"], candidates, rounds=(candidates,))
    assert first.text == long_text(1)
    assert second.text != long_text(1) and long_text(1) in second.accepted


def test_a_directory_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        inference.ModelProblem, match=r"expected a trained model, found no metrics.json.*train"
    ):
        inference.load(tmp_path)


def test_a_model_of_another_version_is_named(nano_model: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(nano_model, old)
    np.savez(old / "train_index.npz", index=np.zeros(1, np.uint64))
    with pytest.raises(inference.ModelProblem, match="expected a model of this version"):
        inference.load(old)


@pytest.mark.parametrize("module", ["inference", "registry"])
def test_importing_loads_no_torch_and_no_mlflow(module: str) -> None:
    code = f"import sys, model_training.{module}; print([m for m in ('torch', 'mlflow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_writes_a_line_for_every_text(nano_model: Path, capsys) -> None:
    code = inference.main(
        ["--model", str(nano_model), "--date", "2026-11-23", "--signs", "leo", "--candidates", "1"]
    )
    lines = capsys.readouterr().out.splitlines()
    assert code == 0 and lines[0].startswith("leo/general: ")
    assert '"step": "write"' in lines[-1]
