"""The seam to model_training, its real Writer, gates and prompts over an engine without weights."""

import random
from dataclasses import replace

import pytest
from fake_model import publish

from model_training import inference, registry
from model_training.gates import Gates
from model_training.prompts import DEFAULT_TEMPLATE
from serving import publish as program
from serving import registered
from serving.days import read_day

SUBJECTS = ("Утро", "Разговор", "Случайная встреча", "Новая мысль", "Старый друг", "Тихий вечер", "Дорога")
SAYINGS = [
    f"{verb} {complement}."
    for verb in ("принесёт", "подскажет", "подарит", "откроет", "обещает", "укажет", "вернёт")
    for complement in (
        "весть",
        "верное решение",
        "редкую удачу",
        "хороший совет",
        "покой и ясность",
        "повод к шутке",
    )
]


class Engine:
    """Gives grammatical nonsense by the seed; every third completion is too short to pass."""

    def complete(self, prompts, seeds, *_):
        return [(self._text(seed) if seed % 3 else "Коротко.", 0.0) for seed in seeds]

    def _text(self, seed):
        dice = random.Random(seed)
        return " ".join(f"{dice.choice(SUBJECTS)} {saying}" for saying in dice.sample(SAYINGS, 11))


class Champion:
    status = "champion"

    def lineage(self):
        return {
            "name": "horoscope",
            "version": "3",
            "run_id": "r",
            "dataset_version": "d",
            "sources": ["demo"],
        }

    def load(self):
        writer = inference.Writer(Engine(), DEFAULT_TEMPLATE, Gates.build([], []), "3")
        return registered.GatedWriter(writer)


def test_a_day_is_published_through_the_models_own_writer_and_gates(tmp_path, day):
    summary = publish(tmp_path, day, [Champion()], candidates=4)
    published = read_day(str(tmp_path), day)
    assert len(published.horoscopes) == 24
    assert all(300 <= h.chars <= 500 and h.model_version == "3" for h in published.horoscopes)
    assert {"format", "sign", "copied", "safe", "unlike_last_days"} <= set(published.horoscopes[0].gates)
    assert summary["refused"]["format"] > 0


def test_another_attempt_gives_other_texts_and_the_same_attempt_the_same(day):
    writer = Champion().load()
    texts = [
        {c.text for c in writer.write(day, [("love", "leo")], 6, attempt) if all(c.gates.values())}
        for attempt in (0, 0, 1)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_a_topic_the_model_was_never_taught_is_named(day):
    with pytest.raises(registered.CannotWriteError, match="weather"):
        Champion().load().write(day, [("weather", "leo")], 2, 0)


def test_a_damaged_model_directory_is_told_not_raised(tmp_path):
    version = registry.Version("horoscope", 1, str(tmp_path), "run", "d", ("demo",), "", 1, "", (), {})
    with pytest.raises(registered.CannotWriteError, match="files were changed after registration"):
        registered.RegistryModel(version, "champion").load()
    version = replace(version, digest=registry.digest_of(tmp_path))
    with pytest.raises(registered.CannotWriteError, match="expected a trained model"):
        registered.RegistryModel(version, "champion").load()


def test_a_model_that_fails_while_writing_gives_way_to_the_previous_one(tmp_path, day):
    class OutOfMemory:
        def complete(self, prompts, seeds, *_):
            raise MemoryError("cannot allocate")

    class Greedy(Champion):
        def load(self):
            return registered.GatedWriter(
                inference.Writer(OutOfMemory(), DEFAULT_TEMPLATE, Gates.build([], []), "4")
            )

    class Previous(Champion):
        status = "previous_champion"

    summary = publish(tmp_path, day, [Greedy(), Previous()], candidates=4)
    assert summary["status"] == "previous_champion"
    assert "MemoryError: cannot allocate" in summary["fallbacks"][0]


def test_a_corrupt_registry_is_one_clear_line_and_exit_1(tmp_path, day, capsys):
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry" / "mlflow.db").write_bytes(b"not a database" * 100)
    assert program.main(["--date", str(day), "--storage", str(tmp_path)]) == 1
    assert "expected the registry to answer, found" in capsys.readouterr().err


def test_no_registry_is_one_clear_line_and_exit_1(tmp_path, day, capsys):
    assert program.main(["--date", str(day), "--storage", str(tmp_path)]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "expected a champion, found none" in errors[0]


def test_the_lineage_is_what_the_contract_names(tmp_path):
    version = registry.Version("horoscope", 7, str(tmp_path), "run", "d", ("demo",), "", 1, "", (), {})
    lineage = registered.RegistryModel(version, "champion").lineage()
    expected = {
        "name": "horoscope",
        "version": "7",
        "run_id": "run",
        "dataset_version": "d",
        "sources": ["demo"],
    }
    assert lineage == expected
