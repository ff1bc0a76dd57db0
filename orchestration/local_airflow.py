"""A local Airflow with the project's DAGs, in one command: a home folder in, a running web page and
scheduler out.

    python -m orchestration.local_airflow
    python -m orchestration.local_airflow --home .cache/airflow --port 8081
    python -m orchestration.local_airflow --once      ends when the day is over, 0 if all of it was green

SQLite, everything on 127.0.0.1, no password (whoever can use this machine is admin). Ctrl-C ends all of
it. The daily DAGs run, and each task is told when it ends; Airflow's own words are in HOME/airflow.log
(with --paused there is nothing to tell: they come here).
Those of the cloud stay paused, with their connections and variables filled in from
YC_SERVICE_ACCOUNT_KEY_FILE or YC_TOKEN, YC_FOLDER_ID, HOROSCOPE_SSH (host:port) and AIRFLOW_VAR_HOROSCOPE_….
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from orchestration.lock import hold
from orchestration.settings import BadSetting
from orchestration.watch import UNREACHABLE, Api, Watch

PROJECT = Path(__file__).resolve().parents[1]
DAGS = PROJECT / "orchestration" / "dags"
START_S = 600
STOP_S = 30


def airflow_settings(home: Path, port: int, storage: str, dags: Path = DAGS) -> dict[str, str]:
    """Airflow's configuration as environment variables; nothing is written into airflow.cfg by hand."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # a busy machine's web server needs more than five
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",  # else every task's process lingers five seconds
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",  # 30 s cost a tenth of a core
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "HOROSCOPE_STORAGE": storage,
        "PYTHONPATH": str(PROJECT),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def cloud_places(environment: Mapping[str, str], storage: str) -> dict[str, str]:
    """Airflow's connections and variables of the cloud DAGs, from what the environment has of them; a first
    retry after a minute.

    What Airflow's own names (AIRFLOW_CONN_…, AIRFLOW_VAR_…) say goes before; a machine in the cloud acts as
    its own account.
    """
    extra: dict[str, str] = {"folder_id": environment.get("YC_FOLDER_ID", "")}
    if key_file := environment.get("YC_SERVICE_ACCOUNT_KEY_FILE"):
        extra["service_account_json_path"] = key_file
    elif token := environment.get("YC_TOKEN"):
        extra["oauth"] = token
    host, _, port = environment.get("HOROSCOPE_SSH", "127.0.0.1").partition(":")
    connections = {
        "AIRFLOW_CONN_YANDEXCLOUD_DEFAULT": {"conn_type": "yandexcloud", "extra": extra},
        "AIRFLOW_CONN_SSH_DEFAULT": {"conn_type": "ssh", "host": host, "port": int(port or 22)},
    }
    names = ("FOLDER", "BUCKET", "ACCOUNT", "SUBNET", "PROJECT", "CHECKOUT")
    variables = {f"AIRFLOW_VAR_HOROSCOPE_{name}": "" for name in names}
    filled = {name: json.dumps(connection) for name, connection in connections.items()} | variables
    return filled | {
        "AIRFLOW_VAR_HOROSCOPE_STORAGE": storage,
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "60",
    }


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_up(port: int) -> bool:
    """The web server answers, the scheduler has a heartbeat, and the DAG files have been read."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/monitor/health", timeout=2) as answer:
            health = json.load(answer)
    except UNREACHABLE:
        return False
    return all(health[part]["status"] == "healthy" for part in ("scheduler", "dag_processor"))


class NotUp(Exception):
    """Airflow ended or did not answer; the message says where its own words are."""


def unpause_when_up(server: subprocess.Popen[bytes], port: int, environment: dict[str, str]) -> None:
    """Lets the DAGs run once every part is there: a task started before the web server would fail."""
    deadline = time.monotonic() + START_S
    argv = [sys.executable, "-m", "airflow", "dags", "unpause", "--treat-dag-id-as-regex", "--yes"]
    while time.monotonic() < deadline and server.poll() is None:
        if (
            is_up(port)
            and not subprocess.run([*argv, "horoscope_"], env=environment, capture_output=True).returncode
        ):
            say(f"ready, the schedule's last run starts by itself: http://127.0.0.1:{port}/dags")
            return
        time.sleep(1)
    raise NotUp(
        f"expected Airflow to be up within {START_S} s, found it is not; "
        f"see {environment['AIRFLOW_HOME']}/airflow.log"
    )


def follow(server: subprocess.Popen[bytes], port: int, since: datetime) -> bool:
    """Tells of each task until the day is over; whether all was green."""
    watch = Watch(Api(port).listed, since.isoformat(), say)
    states = watch.until_over(lambda: server.poll() is None)
    red = sorted(name for name, ends in states.items() if set(ends) != {"success"})
    seconds = round((datetime.now(UTC) - since).total_seconds())
    say(
        f"the day is over after {seconds} s, "
        + (f"not green: {', '.join(red)}" if red else "everything is green")
    )
    return bool(states) and not red


def end(server: subprocess.Popen[bytes]) -> None:
    """Airflow's parts end with it on SIGINT only; what is left of its group after that is killed."""
    server.send_signal(signal.SIGINT)
    try:
        server.wait(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        say(f"still there after {STOP_S} s, killing it")
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def say(message: str) -> None:
    print(f"airflow: {message}", file=sys.stderr, flush=True)


def read_options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m orchestration.local_airflow",
        description=__doc__,
        epilog="exit codes: 0 ended by Ctrl-C, or a green day; 1 Airflow did not start, or a red day; "
        "2 wrong arguments, or port or home in use",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--home", default=".cache/airflow", help="Airflow's folder (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8081, help="of the web page (default: %(default)s)")
    parser.add_argument(
        "--storage", default=os.environ.get("HOROSCOPE_STORAGE", "data"), help="root of all data"
    )
    parser.add_argument(
        "--dags", type=Path, default=DAGS, help="folder of DAG files (default: the project's)"
    )
    parser.add_argument("--once", action="store_true", help="end when the day that starts by itself is over")
    parser.add_argument("--paused", action="store_true", help="leave the DAGs paused: start runs by hand")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    options = read_options(argv)
    if not is_free(options.port):
        print(
            f"error: expected a free port, found {options.port} in use; name another with --port",
            file=sys.stderr,
        )
        return 2
    home = Path(options.home).resolve()
    try:
        lock = hold(home / ".lock", "Airflow", where="in this home")  # its port is bound only a minute later
    except BadSetting as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    storage = options.storage if "://" in options.storage else str(Path(options.storage).resolve())
    places = cloud_places(os.environ, storage)
    settings = airflow_settings(home, options.port, storage, options.dags.resolve())
    environment = {**places, **os.environ, **settings}
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    started = datetime.now(UTC)
    say(f"starting in {home}, page on http://127.0.0.1:{options.port} in about a minute")
    with (home / "airflow.log").open("ab") as log:
        argv = [sys.executable, "-m", "airflow", "standalone"]
        out = None if options.paused else log
        server = subprocess.Popen(argv, env=environment, stdout=out, stderr=out, process_group=0)
    try:
        if not options.paused:
            unpause_when_up(server, options.port, environment)
            green = follow(server, options.port, started)
            if options.once:
                return int(not green)
        return int(server.wait() != 0)
    except NotUp as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        end(server)
        lock.close()


if __name__ == "__main__":
    raise SystemExit(main())
