import hashlib
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_model import FakeModel, FakeWriter, publish

from model_training import registry
from serving import why
from serving.days import read_day

ROW = {"source": "demo_site", "sign": "leo", "topic": "love", "url": "http://127.0.0.1/leo"}


@pytest.fixture(scope="module")
def registered(tmp_path_factory):
    """A registry with one version: its address, and the manifest of the raw run it learnt from."""
    folder = tmp_path_factory.mktemp("registered")
    manifest = json.dumps({"rows": 2}).encode()
    raw = {
        "path": "raw/date=2026-11-22/source=demo_site/run=r/manifest.json",
        "sha256": hashlib.sha256(manifest).hexdigest(),
    }
    model = folder / "model"
    model.mkdir()
    training = {
        "dataset_version": "0123456789ab",
        "sources": ["demo_site"],
        "recipe": "tiny",
        "rows": 2,
        "seed": 7,
        "config": {"name": "tiny"},
        "rules_version": "1",
        "raw_manifests": [raw],
    }
    (model / "training.json").write_text(json.dumps(training))
    (model / "evaluation.json").write_text(json.dumps({"metrics": {"bits_per_character": {"value": 1.5}}}))
    registry.register(str(folder / "registry"), model, "2026-11-22")
    return str(folder / "registry"), raw["path"], manifest


@pytest.fixture
def root(tmp_path, day, registered):
    """A root where leo's love text of the day repeats most of one training text."""
    publish(tmp_path, day, [FakeModel(FakeWriter("1"))])
    _, path, manifest = registered
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_bytes(manifest)
    text = read_day(str(tmp_path), day).find("leo", "love").text
    clean = tmp_path / "processed" / "part=p" / "clean"
    clean.mkdir(parents=True)
    rows = [
        {**ROW, "horoscope_id": "far", "date": day, "clean_text": "Совсем другие слова о другом."},
        {**ROW, "horoscope_id": "near", "date": day, "clean_text": text[: len(text) * 3 // 4]},
    ]
    pq.write_table(pa.Table.from_pylist(rows), clean / "part-00000.parquet")
    dataset = {"version": "0123456789ab", "parts": [{"id": "p"}]}
    (tmp_path / "processed" / "dataset.json").write_text(json.dumps(dataset))
    return tmp_path


def ask(root, registry_address, *words):
    return why.main([*words, "--storage", str(root), "--registry", registry_address])


def certificate(root, registered, day, capsys):
    assert ask(root, registered[0], str(day), "льва", "love", "--json") == 0
    return json.loads(capsys.readouterr().out.rpartition("\n{")[0])


def test_the_certificate_goes_down_to_the_raw_runs_and_the_nearest_texts(root, registered, day, capsys):
    told = certificate(root, registered, day, capsys)
    assert told["text"]["sign"] == "leo"
    assert told["text"]["gates"]["unlike_last_days"] is True
    assert told["model"]["metrics"] == {"bits_per_character": 1.5}
    assert told["raw_runs"] == [{"path": registered[1], "state": "unchanged", "rows": 2}]
    assert [near["horoscope_id"] for near in told["nearest"]] == ["near", "far"]
    assert told["nearest"][0]["shared"] > 0.6 > 0.1 > told["nearest"][1]["shared"]
    assert told["gaps"] == []


def test_a_person_gets_it_on_a_page(root, registered, day, capsys):
    assert ask(root, registered[0], str(day), "leo", "love") == 0
    printed = capsys.readouterr().out
    assert "unlike_last_days ✓" in printed
    assert "demo_site" in printed
    assert json.loads(printed.splitlines()[-1])["step"] == "why"


def test_what_cannot_be_found_is_said(root, registered, day, capsys):
    (root / registered[1]).write_bytes(b"{}")
    (root / "processed" / "dataset.json").unlink()
    told = certificate(root, registered, day, capsys)
    assert told["gaps"] == [
        f"raw run {registered[1]} is changed",
        "processed/dataset.json is gone: no nearest texts",
    ]
    assert ask(root, str(root / "nowhere"), str(day), "leo") == 0
    assert "model version 1 is not in" in capsys.readouterr().out


def test_a_text_that_was_not_published_is_one_clear_line(root, registered, day, capsys):
    assert ask(root, registered[0], "2020-01-01", "leo") == 1
    assert ask(root, registered[0], str(day), "leo", "cook") == 1
    assert "expected leo/cook published on 2026-11-23, found general, love" in capsys.readouterr().err
