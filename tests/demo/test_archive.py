"""The snapshot archive over real sockets, and the wrapper that runs a command beside it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from starlette.testclient import TestClient

from demo.archive import application

RUN = [sys.executable, "-m", "demo.run", "--"]


@pytest.fixture(scope="module")
def client():
    return TestClient(application())


def test_a_page_is_found_under_its_day_and_host(client):
    page = client.get("/2026-11-23/www.newsler.ru/horoscope/love")
    assert page.status_code == 200
    assert "Любовный гороскоп" in page.text


def test_another_day_is_another_page(client):
    assert (
        client.get("/2026-11-22/retrofm.ru/goroskop").text
        != client.get("/2026-11-23/retrofm.ru/goroskop").text
    )


@pytest.mark.parametrize(
    "path", ["/2026-11-23/nowhere.ru/", "/2026-11-23/74.ru/nothing", "/yesterday/74.ru/"]
)
def test_what_is_unknown_is_not_found(client, path):
    assert client.get(path).status_code == 404


def test_the_index_links_only_to_pages_that_exist(client):
    links = [part.split("'")[0] for part in client.get("/").text.split("href='")[1:]]
    assert len(links) > 10
    assert {client.get(link).status_code for link in links} == {200}


def run_code(code, **options):
    return subprocess.run(
        [*RUN, sys.executable, "-c", code], capture_output=True, text=True, timeout=60, **options
    )


def test_the_command_sees_the_sites_and_its_exit_code_comes_back():
    done = run_code(
        "import os, sys, urllib.request as r\n"
        "base = os.environ['HOROSCOPE_SNAPSHOTS']\n"
        "print(r.urlopen(base + '/2026-11-23/74.ru/horoscope/daily/').status); sys.exit(7)"
    )
    assert done.stdout == "200\n"
    assert done.returncode == 7


def test_the_sites_are_gone_when_the_command_is_done():
    base = run_code("import os; print(os.environ['HOROSCOPE_SNAPSHOTS'])").stdout.strip()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(base, timeout=2)


def test_a_command_that_does_not_exist_is_one_clear_line():
    done = subprocess.run([*RUN, "no-such-program"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no-such-program" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_a_signal_reaches_the_command_once_whether_sent_to_it_or_to_its_group(number, send):
    program = (
        "import signal, time; got = [];"
        f"signal.signal({number:d}, lambda *_: got.append(1));"
        "print('on', flush=True); time.sleep(1.5); raise SystemExit(len(got))"
    )
    command = [*RUN, sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0) as runner:
        assert runner.stdout.readline() == "on\n"
        for _ in range(8):
            send(runner.pid, number)
            time.sleep(0.1)
        assert runner.wait(timeout=30) == 8


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_goes_on_when_it_is_killed_as_the_command_starts(number, tmp_path):
    for turn in range(3):
        pid = tmp_path / f"{turn}"
        with subprocess.Popen([*RUN, "sh", "-c", f"echo $$ > {pid}; exec sleep 60"]) as runner:
            while not (pid.exists() and pid.read_text()):
                time.sleep(0.001)
            runner.send_signal(number)
            runner.wait(timeout=30)
        assert not is_alive(int(pid.read_text()))


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    os.kill(pid, signal.SIGKILL)
    return True


def test_killing_the_wrapper_leaves_no_server_behind():
    program = "import os, time; print(os.environ['HOROSCOPE_SNAPSHOTS'], flush=True); time.sleep(3)"
    with subprocess.Popen([*RUN, sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as runner:
        port = int(runner.stdout.readline().rsplit(":", 1)[1])
        runner.kill()
        runner.wait(timeout=30)
    deadline = time.monotonic() + 20
    while is_open(port) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_open(port)


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_port_in_use_is_one_clear_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "demo.serve", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ})
    assert done.returncode == 2
    assert done.stderr.startswith("error: expected a free port")
    assert done.stderr.count("\n") == 1
