"""A tracker hears how training goes; whatever becomes of it, training goes on."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import mlflow
import pytest

from model_training import train
from model_training.failures import Terminated
from model_training.tracking import EXPERIMENT, tracked


def tell(address: str, steps: int = 3, ends_with: type[BaseException] | None = None) -> float:
    """A run that logs `steps` losses; returns the seconds it took."""
    began = time.monotonic()
    with (
        contextlib.suppress(KeyboardInterrupt, Terminated, RuntimeError),
        tracked(address, {"seed": 1, "base": "none"}) as (tracker,),
    ):
        for step in range(steps):
            tracker.on_log(None, SimpleNamespace(global_step=step), None, {"loss": 3.0 - step})
        if ends_with:
            raise ends_with("over")
    return time.monotonic() - began


def runs(address: str) -> list:
    client = mlflow.MlflowClient(tracking_uri=address)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    return client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])


def losses(address: str, run_id: str) -> list[tuple[int, float]]:
    history = mlflow.MlflowClient(tracking_uri=address).get_metric_history(run_id, "loss")
    return [(one.step, one.value) for one in history]


@pytest.mark.slow
def test_a_folder_hears_settings_losses_and_how_each_run_ended(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("model_training.tracking.GRACE_S", 120)  # a new database takes its time
    for ends_with in (None, KeyboardInterrupt, Terminated, RuntimeError):
        tell(str(tmp_path / "tracker"), ends_with=ends_with)
    address = f"sqlite:///{tmp_path}/tracker/mlflow.db"
    found = runs(address)
    assert [run.info.status for run in found] == ["FINISHED", "KILLED", "KILLED", "FAILED"]
    assert found[0].data.params == {"seed": "1", "base": "none"}
    assert losses(address, found[0].info.run_id) == [(0, 3.0), (1, 2.0), (2, 1.0)]
    assert "warning" not in capsys.readouterr().err


def test_without_an_address_nobody_is_told() -> None:
    with tracked(None, {}) as callbacks:
        assert callbacks == []


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_tracker_that_refuses_is_one_warning_and_no_delay(capsys) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    took = tell(f"http://ann:secret@127.0.0.1:{port}")
    said = capsys.readouterr().err
    assert re.fullmatch(
        r"warning: tracker http://ann:\*\*\*@127.0.0.1:\d+ does not answer \(.*\); training goes on\n"
        r"warning: tracker \S+ has not been told everything of this run\n", said)  # fmt: skip
    assert took < 5


def test_a_tracker_that_hangs_delays_the_end_by_its_grace_only(silent_port: int, capsys, monkeypatch) -> None:
    monkeypatch.setattr("model_training.tracking.GRACE_S", 0.5)
    assert tell(f"http://127.0.0.1:{silent_port}") < 2
    assert "has not been told everything" in capsys.readouterr().err


def test_a_model_is_trained_beside_a_tracker_that_refuses(
    processed: Path, short_config: Path, tmp_path: Path, capsys
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    arguments = ["--config", str(short_config), "--data", str(processed), "--output", str(tmp_path / "m")]
    assert train.main([*arguments, "--tracker", f"http://127.0.0.1:{port}"]) == 0
    assert (tmp_path / "m" / "metrics.json").is_file()
    told = capsys.readouterr().err  # the tracker of another test may give up in its midst
    assert told.count(f"{port} does not answer") == 1


@pytest.mark.slow
def test_a_real_server_killed_in_mid_run_stops_nothing_and_hears_the_rest_when_it_is_back(
    mlflow_server, tmp_path: Path, capsys
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    asked = threading.Event()
    with tracked(address, {"seed": 1}) as callbacks:
        log = lambda step: callbacks[0].on_log(None, SimpleNamespace(global_step=step), None, {"loss": step})  # noqa: E731
        with mlflow_server(tmp_path, port):
            for step in range(5):
                log(step)
            for _ in range(200):
                if callbacks[0].run_id and not callbacks[0].waiting and callbacks[0].said.empty():
                    break
                asked.wait(0.1)
            assert len(losses(address, callbacks[0].run_id)) == 5
        log(5)
        asked.wait(3)
        assert "does not answer" in capsys.readouterr().err
        with mlflow_server(tmp_path, port):
            log(6)
            asked.wait(3)
            run = runs(address)[0]
            assert [step for step, _ in losses(address, run.info.run_id)] == list(range(7))
    assert "has not been told everything" in capsys.readouterr().err, "it died again before the end"
