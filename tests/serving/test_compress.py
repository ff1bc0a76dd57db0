"""Pre-compressed files beside an exported site, as the nginx of serving/deploy sends them."""

import gzip
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serving import compress, export

DEPLOY = Path(__file__).resolve().parents[2] / "serving" / "deploy"


@pytest.fixture
def site(storage, day, tmp_path, capsys):
    output = tmp_path / "site"
    assert export.main(["--storage", str(storage), "--output", str(output), "--date", str(day)]) == 0
    capsys.readouterr()
    return output


def compress_site(site, capsys):
    assert compress.main([str(site)]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_each_page_gets_a_smaller_twin_with_the_same_content(site, capsys):
    assert compress_site(site, capsys)["changed"] > 80
    page = site / "leo" / "index.html"
    twin = (site / "leo" / "index.html.gz").read_bytes()
    assert gzip.decompress(twin) == page.read_bytes()
    assert len(twin) < page.stat().st_size / 2


def test_a_second_time_changes_nothing_and_what_changed_is_brought_up_to_date(site, capsys):
    compress_site(site, capsys)
    assert compress_site(site, capsys)["changed"] == 0
    page = site / "leo" / "index.html"
    page.write_text("новое " * 200)
    assert compress_site(site, capsys)["changed"] == 1
    assert gzip.decompress((site / "leo" / "index.html.gz").read_bytes()) == page.read_bytes()


def test_a_twin_never_outlives_its_file_and_short_files_have_none(site, capsys):
    compress_site(site, capsys)
    (site / "leo" / "index.html").unlink()
    (site / "virgo" / "index.html").write_text("коротко")
    assert compress_site(site, capsys)["removed"] == 1
    assert not (site / "leo" / "index.html.gz").exists()
    assert not (site / "virgo" / "index.html.gz").exists()


def test_two_at_once_do_not_fail_over_a_twin_that_the_other_removed(tmp_path):
    for number in range(400):
        (tmp_path / f"{number}.html.gz").touch()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(compress.compress_site, [tmp_path] * 4))
    assert list(tmp_path.iterdir()) == []


def test_no_folder_is_one_clear_line(tmp_path, capsys):
    assert compress.main([str(tmp_path / "nowhere")]) == 2
    assert "expected a folder with an exported site" in capsys.readouterr().err


@pytest.fixture
def nginx(site, capsys, tmp_path):
    """A real nginx with the configuration of serving/deploy over the compressed site; its address."""
    assert shutil.which("nginx"), "expected nginx; apt-get install nginx-light"
    compress_site(site, capsys)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = (DEPLOY / "nginx.conf").read_text()
    server = server.replace("listen 8000", f"listen 127.0.0.1:{port}")
    server = server.replace("/var/lib/horoscope/site", str(site)).replace("127.0.0.1:8080", "127.0.0.1:9")
    temporary = " ".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"user root; daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}"
        f"http {{ access_log off; client_body_temp_path {tmp_path}/body; {temporary} {server} }}"
    )
    process = subprocess.Popen(["nginx", "-c", str(tmp_path / "nginx.conf")])
    until = time.monotonic() + 20
    while not (tmp_path / "pid").exists():
        assert process.poll() is None, (tmp_path / "error.log").read_text()
        assert time.monotonic() < until
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)


def fetch(address, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        return urllib.request.urlopen(urllib.request.Request(address, headers=named), timeout=10)
    except urllib.error.HTTPError as answer:
        return answer


@pytest.mark.slow
def test_nginx_sends_the_twins_with_the_right_headers(nginx, site, day):
    answer = fetch(f"{nginx}/leo", Accept_Encoding="gzip")
    assert (answer.status, answer.headers["content-encoding"]) == (200, "gzip")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert gzip.decompress(answer.read()) == (site / "leo" / "index.html").read_bytes()
    assert fetch(f"{nginx}/", If_None_Match=fetch(f"{nginx}/").headers["etag"]).status == 304
    assert fetch(f"{nginx}/{day}/leo").headers["cache-control"] == "public, max-age=86400"
    assert "immutable" in fetch(f"{nginx}/static/style.css").headers["cache-control"]
    assert fetch(f"{nginx}/leo/calendar.ics").headers["content-type"] == "text/calendar; charset=utf-8"


@pytest.mark.slow
def test_where_the_api_is_away_nginx_shows_our_page_for_what_is_no_file(nginx):
    answer = fetch(f"{nginx}/nobody")
    assert answer.status == 502
    assert "Такой страницы нет" in answer.read().decode()
    assert fetch(f"{nginx}/leo").status == 200
