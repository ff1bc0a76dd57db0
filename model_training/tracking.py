"""Telling an experiment tracker how a run goes. In: where MLflow is, the run's settings, its losses. Out: a
run there, or a warning here.

The tracker is a guest. A thread of its own talks to it; what it does not take waits for the next try. If it
is away, hangs or dies, training loses a line on stderr, and at its end `GRACE_S` at most.
"""

import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from model_training.failures import Terminated
from model_training.registry_lock import database_in, shown

EXPERIMENT = "horoscope-training"
GRACE_S, GRACE_OF_THE_DEAD_S = 10.0, 1.0
"""How long the end of training waits for a tracker that answers, and for one that did not last time."""
REQUEST_TIMEOUT_S = 5
FINISHED, FAILED, KILLED = "FINISHED", "FAILED", "KILLED"
"""How a run can end, in MLflow's words."""


class Tracker(TrainerCallback):
    """One run of one experiment. Nothing here raises or waits, but for `close`."""

    def __init__(self, address: str, settings: Mapping[str, Any]) -> None:
        """`address`: a folder, or what MLflow takes for a tracking URI (http://…, sqlite:///…)."""
        self.address, self.settings = address, settings
        self.waiting: list[Any] = []
        """Measurements, as MLflow's Metric, that the tracker has not taken yet."""
        self.answers = True
        self.run_id = ""
        self.client: Any = None
        self.said: queue.SimpleQueue[tuple[int, dict[str, float], int] | str] = queue.SimpleQueue()
        """(step, measurements, milliseconds), and last how the run ended."""
        self.thread = threading.Thread(target=self._talk, name="tracker", daemon=True)
        self.thread.start()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        self.said.put((state.global_step, dict(logs or {}), time.time_ns() // 1_000_000))

    def close(self, outcome: str) -> None:
        """Tell how the run ended, and wait a little for what is still on its way."""
        self.said.put(outcome)
        self.thread.join(GRACE_S if self.answers else GRACE_OF_THE_DEAD_S)
        if self.thread.is_alive() or not self.answers:
            _warn(f"tracker {self.address} has not been told everything of this run")

    def _talk(self) -> None:
        outcome = None
        while outcome is None:
            heard = [self.said.get()]
            while not self.said.empty():
                heard.append(self.said.get())
            outcome = next((each for each in heard if isinstance(each, str)), None)
            try:
                self._tell([each for each in heard if not isinstance(each, str)], outcome)
            except Exception as error:  # noqa: BLE001 - whatever a guest does, training goes on
                self._complain(error)
            else:
                self.answers = True

    def _tell(self, heard: Sequence[tuple[int, dict[str, float], int]], outcome: str | None) -> None:
        import mlflow

        self.waiting += [
            mlflow.entities.Metric(name, float(value), at, step)
            for step, figures, at in heard
            for name, value in figures.items()
        ]
        if not self.client:
            self.client = _client(self.address)
        if not self.run_id:
            self.run_id = self._begin()
        self.client.log_batch(self.run_id, metrics=self.waiting)
        self.waiting = []
        if outcome:
            self.client.set_terminated(self.run_id, status=outcome)

    def _begin(self) -> str:
        import mlflow

        found = self.client.get_experiment_by_name(EXPERIMENT)
        experiment = found.experiment_id if found else self.client.create_experiment(EXPERIMENT)
        run_id: str = self.client.create_run(experiment).info.run_id
        settings = [mlflow.entities.Param(name, str(value)) for name, value in self.settings.items()]
        self.client.log_batch(run_id, params=settings)
        return run_id

    def _complain(self, error: Exception) -> None:
        """Once for each silence."""
        if self.answers:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            _warn(f"tracker {self.address} does not answer ({reason[:200]}); training goes on")
        self.answers = False


@contextlib.contextmanager
def tracked(address: str | None, settings: Mapping[str, Any]) -> Iterator[list[TrainerCallback]]:
    """Callbacks for the training loop, none without an address; however it ends, the tracker is told."""
    if not address:
        yield []
        return
    tracker, outcome = Tracker(address, settings), FAILED
    try:
        yield [tracker]
        outcome = FINISHED
    except (KeyboardInterrupt, Terminated):
        outcome = KILLED
        raise
    finally:
        tracker.close(outcome)


def _client(address: str) -> Any:
    import logging

    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(REQUEST_TIMEOUT_S))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # the next losses are the next try
    logging.getLogger("alembic").setLevel(logging.WARNING)
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return mlflow.MlflowClient(tracking_uri=address if "://" in address else database_in(Path(address)))


def _warn(line: str) -> None:
    print(f"warning: {shown(line)}", file=sys.stderr, flush=True)
