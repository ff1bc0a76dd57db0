"""Secrets of the environment appear nowhere: no command line, record, log, error, XCom or rendered field."""

from __future__ import annotations

import json
from pathlib import Path

from orchestration.clusters import BLANKS

OAUTH = "oauth-secret-5d1f"
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "aws-secret-7f3a91",
    "AWS_ACCESS_KEY_ID": "aws-key-5521ce",
    "YC_IAM_TOKEN": "t1.iam-token-0a9d",
    "HOROSCOPE_ALERT_TELEGRAM_TOKEN": "99:telegram-4412",
    "AIRFLOW_CONN_YANDEXCLOUD_DEFAULT": "yandexcloud://?oauth=oauth-secret-b7d2",
}


def leaks(text: str) -> list[str]:
    words = [value.split("=")[-1] for value in SECRETS.values()]
    return [word for word in words if word in text]


def test_a_failing_local_run_tells_no_secret(project):
    project.environment |= SECRETS
    project.wish("train", exit=1, error="no memory")
    _, line, err = project.run()
    written = "".join(path.read_text(errors="replace") for path in (project.storage / "runs").rglob("*.*"))
    calls = project.calls_file.read_text()
    assert leaks(err + project.output + json.dumps(line) + written + calls) == []


def test_a_failing_airflow_run_tells_no_secret_in_logs_xcoms_or_rendered_fields(airflow, family, project):
    project.wish("evaluate", exit=1, error="metrics missing")
    told = family("horoscope_day", **SECRETS)["horoscope_day"]
    assert told["state"] == "failed"
    home = Path(airflow["AIRFLOW_HOME"])
    kept = "".join(path.read_bytes().decode("latin-1") for path in home.rglob("*") if path.is_file())
    assert "metrics missing" in family.printed
    assert leaks(family.printed + kept) == []


def test_a_cloud_run_that_is_refused_tells_no_secret_in_logs_xcoms_rendered_fields_or_errors(
    airflow, family, front_door, project
):
    door = front_door(lambda server: None, "dataproc")
    extra = {"oauth": OAUTH, "endpoint": door.address, "folder_id": "f1"}
    connection = json.dumps({"conn_type": "yandexcloud", "extra": extra})
    names = [name.upper() for name in BLANKS]
    variables = {f"AIRFLOW_VAR_HOROSCOPE_{name}": name.lower() for name in names}
    own = {**SECRETS, **door.environment, **variables, "AIRFLOW_CONN_YANDEXCLOUD_DEFAULT": connection}
    told = family("cloud_process", AIRFLOW_VAR_HOROSCOPE_STORAGE=str(project.storage), **own)
    assert told["cloud_process"]["state"] == "failed"
    assert told["cloud_process"]["tasks"]["reserve"] == ["success"]
    assert "UNIMPLEMENTED" in family.printed
    home = Path(airflow["AIRFLOW_HOME"])
    kept = "".join(path.read_bytes().decode("latin-1") for path in home.rglob("*") if path.is_file())
    assert "subnet" in kept, "rendered fields are kept there"
    assert leaks(family.printed + kept) == []
    assert OAUTH not in family.printed + kept
