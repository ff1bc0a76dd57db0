"""The DAGs on Airflow 3.1: an environment of its own is made (minutes, a package index is needed), every
DAG file loads there, and a whole day and a cloud DAG's skip run through `dag.test`.
"""

from __future__ import annotations

import json
import os
import subprocess
import venv
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ["apache-airflow==3.1.8", "apache-airflow-providers-yandex==4.6.1", "psutil", "rich", "fsspec"]
PACKAGES += ["apache-airflow-providers-ssh==7.0.1"]
RUNNER = str(Path(__file__).with_name("dag_runner.py"))
DAGS = sorted((REPOSITORY / "orchestration" / "dags").glob("*.py"))

LOAD = """
import json, runpy, sys, airflow.sdk
dags = [value.dag_id for path in sys.argv[1:] for value in runpy.run_path(path).values()
        if isinstance(value, airflow.sdk.DAG)]
print(json.dumps(dags))
"""


@pytest.fixture(scope="module")
def airflow_31(tmp_path_factory) -> dict[str, str]:
    """Environment of commands on Airflow 3.1. HOROSCOPE_AIRFLOW_31 names an environment made earlier."""
    made = os.environ.get("HOROSCOPE_AIRFLOW_31")
    place = Path(made or tmp_path_factory.mktemp("airflow31") / "venv")
    if not made:
        venv.create(place, with_pip=True)
        subprocess.run([place / "bin" / "python", "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    home = tmp_path_factory.mktemp("home31")
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith(("AIRFLOW", "HOROSCOPE"))},
        "PYTHON_31": str(place / "bin" / "python"),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "orchestration" / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "PYTHONPATH": str(REPOSITORY),
    }
    run(environment, "-m", "airflow", "db", "migrate")
    return environment


def run(environment: dict[str, str], *argv: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([environment["PYTHON_31"], *argv], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    return done


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_dag_file_loads_on_3_1(airflow_31):
    assert run(airflow_31, "-m", "airflow", "version").stdout.strip().startswith("3.1")
    loaded = json.loads(run(airflow_31, "-c", LOAD, *map(str, DAGS)).stdout.splitlines()[-1])
    assert len(loaded) == len(DAGS)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_whole_day_and_a_cloud_skip_run_on_3_1(airflow_31, project):
    project.wish("train", outcome="skipped", reason="12 new texts")
    wishes = {name: text for name, text in project.environment.items() if name.startswith("FAKE_")}
    environment = {
        **airflow_31,
        **wishes,
        "HOROSCOPE_PROJECT": str(project.folder),
        "HOROSCOPE_STORAGE": str(project.storage),
        "AIRFLOW_VAR_HOROSCOPE_STORAGE": str(project.storage),
        "AIRFLOW_VAR_HOROSCOPE_PROJECT": "p1",
    }
    names = ("collect", "horoscope_day", "publish", "deliver", "cloud_train")
    files = [str(REPOSITORY / "orchestration" / "dags" / f"{name}.py") for name in names]
    told = json.loads(run(environment, RUNNER, *files).stdout.splitlines()[-1])
    assert {dag: state["state"] for dag, state in told.items()} == dict.fromkeys(told, "success")
    assert told["cloud_train"]["tasks"]["train"] == ["skipped"]
    assert told["horoscope_day"]["tasks"]["train"] == ["skipped"]
    assert len(told) == len(names)
