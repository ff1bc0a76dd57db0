"""A folder of fake programs under the real ones' names: what a step does is told by FAKE_<STEP> as JSON."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

FAKE = """
import hashlib, json, os, pathlib, sys, time

def main(step, product):
    argv = sys.argv[1:]
    wish = json.loads(os.environ.get("FAKE_" + step.upper(), "{}"))
    pathlib.Path(os.environ["FAKE_CALLS"]).open("a").write(json.dumps([step, os.getpid(), *argv]) + "\\n")
    print(step + " at work", file=sys.stderr)
    if step == "show":
        print("Овен: доброе утро")
    if wish.get("spend_mib"):
        held = bytearray(wish["spend_mib"] * 2**20)
    time.sleep(wish.get("sleep_s", 0))
    if wish.get("killed_once"):
        named = hashlib.sha256(" ".join([step, *argv]).encode()).hexdigest()[:12]
        marker = pathlib.Path(os.environ["FAKE_CALLS"] + "." + named)
        if not marker.exists():
            marker.touch()
            os.kill({"command": os.getpid(), "task": os.getppid()}[wish["killed_once"]], 9)
            time.sleep(60)
    if wish.get("exit") and wish.get("only_with", "") in argv + [""]:
        print("error: " + wish["error"], file=sys.stderr)
        sys.exit(wish["exit"])
    if wish.get("crash"):
        raise ConnectionError(wish["crash"])
    if wish.get("silent"):
        sys.exit(0)
    if product and wish.get("outcome") != "skipped":
        named = dict(zip(argv[::2], argv[1::2]))
        root = named.get("--output") or named["--storage"]
        path = root.removeprefix("file://") + "/" + product.format(day=named.get("--date", ""))
        content = '{"parts": [], "raw_manifests": []}'
        if "://" in path:
            import fsspec
            with fsspec.open(path, "w") as file:
                file.write(content)
        else:
            pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
            pathlib.Path(path).write_text(content)
    line = {"step": step, "outcome": "done", "rows_in": 24, "rows_out": 12, "seconds": 0.1}
    print(json.dumps(line | {k: wish[k] for k in ("outcome", "reason", "rows_out") if k in wish}))
"""

PROGRAMS = {
    "scraper/collect.py": ("collect", "raw/date={day}/source=fake/run=1/manifest.json"),
    "spark_processing/clean_job.py": ("process", "processed/dataset.json"),
    "model_training/train.py": ("train", "metrics.json"),
    "model_training/evaluate.py": ("evaluate", ""),
    "model_training/registry.py": ("promote", ""),
    "serving/publish.py": ("publish", "published/date={day}/horoscopes.json"),
    "serving/show.py": ("show", ""),
    "serving/export.py": ("export", ""),
    "serving/bot/once.py": ("broadcast", ""),
}

DEMO_RUN = """
import subprocess, sys
print("demo server up", file=sys.stderr)
code = subprocess.call(sys.argv[sys.argv.index("--") + 1:])
sys.exit(code if code >= 0 else 128 - code)
"""


class Project:
    """Fake programs, a storage root, and the runner over them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.storage, self.calls_file = folder, folder / "data", folder / "calls.log"
        for path, (step, product) in PROGRAMS.items():
            self._write(path, f"from fake import main\nmain({step!r}, {product!r})\n")
            for folder in list(Path(path).parents)[:-1]:
                self._write(f"{folder}/__init__.py", "")
        self._write("demo/__init__.py", "")
        self._write("demo/run.py", DEMO_RUN)
        self._write("fake.py", FAKE)
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "HOROSCOPE_STORAGE"},
            "PYTHONPATH": str(REPOSITORY),
            "FAKE_CALLS": str(self.calls_file),
        }

    def _write(self, path: str, text: str) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def wish(self, step: str, **wishes: object) -> None:
        self.environment[f"FAKE_{step.upper()}"] = json.dumps(wishes)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        argv = [
            sys.executable,
            "-m",
            "orchestration.run",
            "--date",
            "2026-11-23",
            "--storage",
            str(self.storage),
        ]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([*argv, *arguments], cwd=self.folder, env=self.environment, **pipes)

    def run(self, *arguments: str) -> tuple[int, dict[str, object], str]:
        """Exit code, the JSON line (or an empty one), stderr."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        self.output = out
        return process.returncode, json.loads(out.splitlines()[-1]) if out.strip() else {}, err

    def calls(self) -> list[list[str]]:
        """Every call of a program so far: step, process id, arguments."""
        lines = self.calls_file.read_text().splitlines() if self.calls_file.exists() else []
        return [json.loads(line) for line in lines]

    def steps_called(self) -> list[str]:
        return [call[0] for call in self.calls()]

    def forget_calls(self) -> None:
        self.calls_file.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def airflow(tmp_path_factory) -> dict[str, str]:
    """Environment of an Airflow of its own: a fresh home, a migrated SQLite database, our DAGs."""
    home = tmp_path_factory.mktemp("airflow")
    environment = {
        **{
            name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "HOROSCOPE"))
        },
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "orchestration" / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "PYTHONPATH": str(REPOSITORY),
    }
    migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(migrate, env=environment, check=True, capture_output=True)
    return environment


def load_beside(name: str) -> ModuleType:
    """A module of this folder, under a name that no other folder's takes."""
    unique = f"orchestration_{name}"
    if unique not in sys.modules:
        found = importlib.util.spec_from_file_location(unique, Path(__file__).with_name(f"{name}.py"))
        sys.modules[unique] = importlib.util.module_from_spec(found)
        found.loader.exec_module(sys.modules[unique])
    return sys.modules[unique]


@pytest.fixture(scope="session")
def beside() -> Callable[[str], ModuleType]:
    return load_beside


@pytest.fixture
def front_door(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens a cloud behind TLS with the services that a test adds."""
    opened = []

    def open_door(add: Callable[..., None], *names: str) -> Any:
        opened.append(load_beside("tls_cloud").FrontDoor(tmp_path, add, *names))
        return opened[-1]

    yield open_door
    for door in opened:
        door.stop()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    yield Project(tmp_path)


@pytest.fixture(scope="session")
def dag_runner(airflow) -> Iterator[Callable[[dict[str, Any]], int]]:
    """An Airflow that is loaded once and runs each request in a fork: its exit code."""
    argv = [sys.executable, str(Path(__file__).with_name("dag_runner.py"))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(argv, env=airflow, **pipes) as server:

        def ask(request: dict[str, Any]) -> int:
            server.stdin.write(json.dumps(request) + "\n")
            server.stdin.flush()
            return int(server.stdout.readline())

        yield ask
        server.kill()


@pytest.fixture
def family(airflow, dag_runner, project, tmp_path) -> Callable[..., dict[str, dict]]:
    """Runs DAG files one after another, each to its end; state of each run and of its tasks.

    Its `printed` holds all that was said.
    """

    def run(*names: str, **variables: str) -> dict[str, dict]:
        wishes = {name: value for name, value in project.environment.items() if name.startswith("FAKE_")}
        folders = {"HOROSCOPE_PROJECT": str(project.folder), "HOROSCOPE_STORAGE": str(project.storage)}
        said, told = tmp_path / "said", tmp_path / "told.json"
        said.unlink(missing_ok=True)
        code = dag_runner(
            {
                "files": [str(REPOSITORY / "orchestration" / "dags" / f"{name}.py") for name in names],
                "environment": {**airflow, **wishes, **folders, **variables},
                "said": str(said),
                "told": str(told),
            }
        )
        run.printed = said.read_text(encoding="utf-8", errors="replace")
        assert code == 0, run.printed
        return json.loads(told.read_text())

    return run
