"""The registry keeps versions, moves the crown by proof only, and goes back only to who was live."""

import contextlib
import json
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import mlflow
import pytest

from model_training import inference, registry, registry_lock
from model_training.gates import Gates
from model_training.prompts import DEFAULT_TEMPLATE
from model_training.registry import RegistryProblem
from model_training.registry_lock import lock, shown

NOW = "2026-11-23T06:00:00+00:00"
LATER = "2100-01-01T06:00:00+00:00"
"""After what the command itself writes down."""
GOOD = {
    "wrong_sign_share": 0.0,
    "unsafe_share": 0.0,
    "near_duplicate_share": 0.0,
    "copied_over_limit_share": 0.0,
    "format_share": 1.0,
    "yield": 0.8,
    "diversity_to_human": 0.97,
    "made_up_words_share": 0.0,
    "mistakes_share": 0.0,
    "coherent_to_human": 1.0,
    "sign_bits_saved": 1.2,
    "bits_to_five_gram": 0.8,
    "leaked_texts": 0.0,
}


def make_model(folder: Path, name: str, against: str | None = None, change: float = -0.1, **figures) -> Path:
    """A directory that looks like an evaluated model."""
    model = folder / name
    model.mkdir(parents=True)
    metrics = {
        metric: {"value": value, "n": 9, "low": value, "high": value}
        for metric, value in (GOOD | figures).items()
    }
    paired = {
        "version": against,
        "bits_per_character_change": {"value": change, "low": change, "high": change},
        "secondary": {"yield": {"value": 0.0, "low": 0.0, "high": 0.0}},
    }
    documents = {
        "training.json": {"dataset_version": name, "sources": ["a", "b"], "recipe": "r", "rows": 100},
        "evaluation.json": {"metrics": metrics, "against_champion": paired if against else None},
        "metrics.json": {"weights_sha256": name},
    }
    for file, document in documents.items():
        (model / file).write_text(json.dumps(document))
    return model


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models: the first promoted, the second refused, the third promoted. Kept whole; tests copy it."""
    root = tmp_path_factory.mktemp("history")
    address = str(root / "registry")
    registry.register(address, make_model(root, "first"), "2026-11-21")
    assert registry.promote(address, "2026-11-21T06:00:00+00:00")[0]
    registry.register(address, make_model(root, "second", "1", change=0.0), "2026-11-22")
    assert registry.promote(address, "2026-11-22T06:00:00+00:00")[0] is None
    registry.register(address, make_model(root, "third", "1", change=-0.1), "2026-11-23")
    assert registry.promote(address, NOW)[0]
    return root


def test_the_proved_better_model_is_champion_and_the_former_is_remembered(history: Path) -> None:
    address = str(history / "registry")
    champion, former = registry.champion(address), registry.previous_champion(address)
    assert (champion.version, champion.dataset_version, champion.sources) == (3, "third", ("a", "b"))
    assert former is not None and former.version == 1
    assert former.tags["live_until"] == NOW
    assert [v.was_live for v in registry.versions(address)] == [True, False, True]


def test_a_registered_model_is_a_whole_copy(history: Path) -> None:
    champion = registry.champion(str(history / "registry"))
    registry.verify(champion)
    assert {path.name for path in champion.path.iterdir()} == {
        "training.json",
        "evaluation.json",
        "metrics.json",
    }


def test_registering_the_same_directory_twice_makes_one_version(history: Path) -> None:
    address = str(history / "registry")
    assert registry.register(address, history / "third", "2026-11-24").version == 3
    assert len(registry.versions(address)) == 3


def test_promoting_the_champion_again_changes_nothing(history: Path) -> None:
    promoted, decision = registry.promote(str(history / "registry"), NOW)
    assert promoted is None and "is champion already" in decision.reasons[0]


def test_rollback_goes_only_to_a_version_that_was_live(history: Path) -> None:
    with pytest.raises(RegistryProblem, match=r"expected a version that was live \(1, 3\), found 2"):
        registry.rollback(str(history / "registry"), NOW, to=2)


def test_rollback_moves_the_crown_after_the_model_has_written(history: Path, monkeypatch) -> None:
    address = str(history / "registry")
    asked: list[int] = []
    monkeypatch.setattr(registry, "_prove_it_writes", lambda version, now: asked.append(version.version))
    assert registry.rollback(address, "2026-11-24T06:00:00+00:00").version == 1
    assert asked == [1]
    assert registry.rollback(address, "2026-11-25T06:00:00+00:00").version == 3


def test_a_model_that_cannot_write_is_not_brought_back(history: Path) -> None:
    with pytest.raises(Exception, match="expected a trained model"):
        registry.rollback(str(history / "registry"), NOW)
    assert registry.champion(str(history / "registry")).version == 3


def test_changed_files_are_found_before_promotion(tmp_path: Path) -> None:
    address = str(tmp_path / "registry")
    version = registry.register(address, make_model(tmp_path, "m"), "2026-11-21")
    (version.path / "metrics.json").write_text("{}")
    with pytest.raises(RegistryProblem, match=r"expected digest .*, found .*changed after registration"):
        registry.promote(address, NOW)
    assert registry.champion_or_none(address) is None


def test_two_changes_at_once_one_says_so(history: Path) -> None:
    address = str(history / "registry")
    with (
        lock(address),
        pytest.raises(RegistryProblem, match="no other change under way, found one"),
    ):
        registry.promote(address, NOW)


class Killed(BaseException):
    """kill -9, as far as the registry can tell."""


class DiesAt:
    """A client of the registry that dies before its n-th change."""

    def __init__(self, client, at: int) -> None:
        self.client, self.left = client, at

    def __getattr__(self, name: str):
        if name.startswith("set_"):
            self.left -= 1
            if self.left < 0:
                raise Killed
        return getattr(self.client, name)


@pytest.mark.parametrize("changes", [2, 3, 5])
def test_a_promotion_killed_before_the_crown_moved_has_crowned_nobody(
    history: Path, monkeypatch, tmp_path: Path, changes: int
) -> None:
    root = shutil.copytree(history, tmp_path / "history")
    address = str(root / "registry")
    client, before = registry._client(address), registry.history(address)
    registry.register(address, make_model(root, "fourth", "3"), "2026-12-01")
    dying = DiesAt(client, changes)
    with monkeypatch.context() as patched:
        patched.setattr(registry, "_client", lambda _: dying)
        with pytest.raises(Killed):
            registry.promote(address, "2026-12-01T06:00:00+00:00")
    assert registry.history(address) == before
    assert registry.previous_champion(address).version == 1, "the killed one was never live"
    registry.register(address, make_model(root, "fifth", "3"), "2026-12-02")
    assert registry.promote(address, "2026-12-02T06:00:00+00:00")[0]
    since = before[-1][0]
    assert registry.history(address)[len(before) - 1 :] == [
        (since, "2026-12-02T06:00:00+00:00", 3),
        ("2026-12-02T06:00:00+00:00", None, 5),
    ]


def test_a_registry_that_does_not_answer_is_not_one_without_a_champion(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 500)
    for address in (f"http://127.0.0.1:{port}", str(tmp_path)):
        for act in (registry.champion_or_none, registry.versions, lambda a: registry.promote(a, NOW)):
            with pytest.raises(RegistryProblem, match=r"expected the registry to answer, found .*, in .*; "):
                act(address)
    with pytest.raises(RegistryProblem, match="expected the registry to answer"):
        registry.promote(f"postgresql://127.0.0.1:{port}/none", NOW)


def test_every_span_a_version_was_live_is_remembered(history: Path, monkeypatch, tmp_path, capsys) -> None:
    root = shutil.copytree(history, tmp_path / "history")
    address = str(root / "registry")
    registry._client(address)  # the copy's artifacts stay where the original's are
    monkeypatch.setattr(registry, "_prove_it_writes", lambda version, now: None)
    before = registry.history(address)
    registry.rollback(address, "2026-11-26T06:00:00+00:00")
    registry.rollback(address, "2026-11-27T06:00:00+00:00")
    assert registry.history(address)[len(before) - 1 :] == [
        (before[-1][0], "2026-11-26T06:00:00+00:00", 3),
        ("2026-11-26T06:00:00+00:00", "2026-11-27T06:00:00+00:00", 1),
        ("2026-11-27T06:00:00+00:00", None, 3),
    ]
    assert registry.main(["history", "--registry", address]) == 0
    assert capsys.readouterr().out.splitlines()[-2].endswith("version 3")


class Scripted:
    """An engine that says a good text, or nothing after `silent_after` of them."""

    def __init__(self, silent_after: int) -> None:
        self.left = silent_after

    def complete(self, prompts, seeds, signs):
        answers = []
        for seed in seeds:
            self.left -= 1
            words = random.Random(seed).sample(SENTENCES, len(SENTENCES))
            answers.append((" ".join(words) if self.left >= 0 else "Молчу.", 0.0))
        return answers


SENTENCES = [
    *("Утро начнётся с хорошей новости.", "К обеду позвонит старый друг.", "Дорога домой будет лёгкой."),
    *("Вечером найдите время для прогулки.", "Разговор за чаем согреет лучше подарков."),
    *("Не спешите с ответом на письмо.", "Перед сном вспомните три приятные мелочи."),
    *(
        "Работа порадует вас результатом.",
        "Близкие люди оценят вашу заботу.",
        "Завтра вы улыбнётесь этому дню.",
    ),
]


@pytest.mark.parametrize(("silent_after", "goes_back"), [(12 * 6, True), (60, False)])
def test_a_version_comes_back_only_after_it_has_written_twelve_texts(
    history: Path, monkeypatch, tmp_path: Path, silent_after: int, goes_back: bool
) -> None:
    root = shutil.copytree(history, tmp_path / "history")
    address = str(root / "registry")
    writer = inference.Writer(Scripted(silent_after), DEFAULT_TEMPLATE, Gates.build([], []), "1")
    monkeypatch.setattr(inference, "load", lambda path, version: writer)
    before = registry.champion(address).version
    if goes_back:
        assert registry.rollback(address, "2026-11-28T06:00:00+00:00").version != before
    else:
        with pytest.raises(RegistryProblem, match=r"expected 12 texts, found 10, from version"):
            registry.rollback(address, "2026-11-28T06:00:00+00:00")
        assert registry.champion(address).version == before


def test_a_password_is_shown_to_nobody() -> None:
    assert shown("postgresql://ann:secret@host/db") == "postgresql://ann:***@host/db"
    assert shown("postgresql://host/db") == "postgresql://host/db"


def promote_apart(address: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "model_training.registry", "promote", "--registry", address]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_models_live_in_postgres_and_a_bucket_and_of_two_promotions_one_wins(
    postgres: str, bucket: str, tmp_path: Path, monkeypatch
) -> None:
    """A real Postgres, a real S3 server, two real processes."""
    monkeypatch.setenv(registry.CACHE, str(tmp_path / "cache"))
    with pytest.raises(RegistryProblem, match="expected a place for artifacts, found none"):
        registry.register(postgres, make_model(tmp_path, "none"), "2026-11-21")
    first = registry.register(postgres, make_model(tmp_path, "first"), "2026-11-21", f"{bucket}/models")
    assert first.location.startswith(bucket)
    registry.verify(first)
    with lock(postgres), pytest.raises(RegistryProblem, match="no other change under way"):
        registry.promote(postgres, NOW)
    both = [promote_apart(postgres) for _ in range(2)]
    said = [json.loads(process.communicate(timeout=200)[0].splitlines()[-1]) for process in both]
    assert sorted(summary["outcome"] == "done" for summary in said) == [False, True]
    loser = next(summary for summary in said if summary["outcome"] != "done")
    assert "no other change under way" in loser["reason"] or "champion already" in loser["reason"]
    registry.register(postgres, make_model(tmp_path, "second", "1"), "2026-11-22")
    assert registry.promote(postgres, LATER)[0]
    assert [(version, until is None) for _, until, version in registry.history(postgres)] == [
        (1, False),
        (2, True),
    ]
    monkeypatch.setattr(registry, "_prove_it_writes", lambda version, now: None)
    assert registry.rollback(postgres, LATER).version == 1


def test_a_lock_left_behind_is_broken_by_one_of_many(tmp_path: Path, monkeypatch) -> None:
    address = f"sqlite:///{tmp_path}/server.db"
    client = mlflow.MlflowClient(tracking_uri=address)
    client.create_registered_model(registry_lock.LOCK_NAME)
    search, found = mlflow.MlflowClient.search_registered_models, threading.Barrier(8)
    monkeypatch.setattr(registry_lock, "STALE_S", 1)
    time.sleep(1.1)

    def all_find_it(*args):
        left = search(*args)
        found.wait()
        return left

    def enter(_: int) -> bool:
        with contextlib.suppress(RegistryProblem), registry_lock._server(address):
            left.wait()
            return True
        left.wait()
        return False

    left = threading.Barrier(8)
    monkeypatch.setattr(mlflow.MlflowClient, "search_registered_models", all_find_it)
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(enter, range(8))) == [False] * 7 + [True]


@pytest.mark.slow
def test_models_live_in_an_mlflow_server_and_of_two_promotions_one_wins(
    mlflow_server, tmp_path: Path, monkeypatch
) -> None:
    """A real server that hands artifacts through, two real processes, and a lock whose holder died."""
    monkeypatch.setenv(registry.CACHE, str(tmp_path / "cache"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with mlflow_server(tmp_path, port):
        first = registry.register(address, make_model(tmp_path, "first"), "2026-11-21")
        registry.verify(first)
        with lock(address), pytest.raises(RegistryProblem, match="no other change under way"):
            registry.promote(address, NOW)
        both = [promote_apart(address) for _ in range(2)]
        said = [json.loads(process.communicate(timeout=200)[0].splitlines()[-1]) for process in both]
        assert sorted(summary["outcome"] == "done" for summary in said) == [False, True]
        registry.register(address, make_model(tmp_path, "second", "1"), "2026-11-22")
        registry._client(address).create_registered_model(registry_lock.LOCK_NAME)
        with pytest.raises(RegistryProblem, match="no other change under way"):
            registry.promote(address, LATER)
        monkeypatch.setattr(registry_lock, "STALE_S", 0)
        assert registry.promote(address, LATER)[0], "a lock left behind is broken when it is old"
        monkeypatch.setattr(registry, "_prove_it_writes", lambda version, now: None)
        assert registry.rollback(address, "2101-01-01T06:00:00+00:00").version == 1
        assert [version for _, _, version in registry.history(address)] == [1, 2, 1]


def test_a_file_lost_from_the_copy_is_fetched_and_one_changed_in_the_bucket_is_found(
    postgres: str, bucket: str, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv(registry.CACHE, str(tmp_path / "cache"))
    version = registry.register(postgres, make_model(tmp_path, "third"), "2026-11-21")
    (version.path / "metrics.json").unlink()
    registry.verify(version)  # only the copy here had lost a file
    assert (version.path / "metrics.json").is_file()
    monkeypatch.setenv(registry.CACHE, str(tmp_path / "of another machine"))
    files, root = fsspec.core.url_to_fs(version.location)
    files.pipe(f"{root}/metrics.json", b"{}")
    with pytest.raises(RegistryProblem, match="the files were changed after registration"):
        registry.promote(postgres, NOW)


@pytest.mark.parametrize("action", ["list", "show", "promote", "rollback", "why", "history"])
def test_no_registry_is_one_clear_line(action: str, tmp_path: Path, capsys) -> None:
    assert registry.main([action, "--registry", str(tmp_path / "none")]) == 1
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and err.startswith("error: expected a registry, found none")
    assert json.loads(out)["outcome"] == "failed"
    assert not (tmp_path / "none").exists()


def test_the_commands_tell_the_history(history: Path, capsys) -> None:
    address = str(history / "registry")
    assert registry.main(["list", "--registry", address]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert "champion" in listed[2] and "former champion" in listed[0]
    assert registry.main(["why", "--registry", address]) == 0
    why = capsys.readouterr().out.splitlines()
    assert "version 1 promoted" in why[0] and "no champion yet" in why[0]
    assert "version 2 not promoted" in why[1] and "no difference from champion 1 is proved" in why[1]
    assert "better than champion 1" in why[2]


def test_a_registry_whose_first_maker_was_killed_is_made_by_the_next(tmp_path: Path) -> None:
    address = tmp_path / "registry"
    code = "import sys; from model_training import registry; registry._client(sys.argv[1])"
    running = subprocess.Popen([sys.executable, "-c", code, str(address)])
    while not any(found.stat().st_size > 300_000 for found in address.glob("**/mlflow.db")):
        time.sleep(0.002)
    running.kill()
    running.wait()
    assert registry.champion_or_none(str(address)) is None
    assert registry.register(str(address), make_model(tmp_path, "m"), "2026-11-23").version == 1


def test_a_registry_is_made_by_many_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(registry_lock.database_in, [tmp_path / "new"] * 4))) == 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mlflow.db"]
    assert registry.versions(str(tmp_path / "new")) == []


@pytest.mark.slow
def test_killed_while_registering_the_next_try_makes_one_whole_version(tmp_path: Path) -> None:
    model, address = make_model(tmp_path, "m"), str(tmp_path / "registry")
    call = f"registry.register({address!r}, Path({str(model)!r}), '2026-11-23')"
    code = f"from pathlib import Path; from model_training import registry; {call}"
    for delay in (2.0, 4.0, 5.0, 6.0, 7.0):
        running = subprocess.Popen([sys.executable, "-c", code])
        try:
            running.wait(delay)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
    subprocess.run([sys.executable, "-c", code], check=True)
    for version in registry.versions(address):
        registry.verify(version)
    challengers = [v for v in registry.versions(address) if registry.CHALLENGER in v.aliases]
    assert len(challengers) == 1
