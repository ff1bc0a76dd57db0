"""The same programs with a bucket as the storage, on a real S3 server."""

import errno
import http.client
import http.server
import json
import os
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import pytest
from s3fs import S3FileSystem
from s3pipeline.strategies.error import UploadError

from scraper.export import main as export
from scraper.forget import main as forget
from scraper.import_archive import main as import_archive
from scraper.items import HoroscopeItem
from scraper.ledger import DayAccount
from scraper.pipelines.parts import Parts
from scraper.resume_upload import main as resume_upload
from scraper.runs import Aside, RunWriter, manifests, read_rows
from scraper.upload import upload_run
from tests.scraper.conftest import ROOT
from tests.scraper.pages import DAY, retrofm_page, text_of


@pytest.fixture
def collect_to(archive, tmp_path):
    def collect(storage, **environment):
        command = [
            sys.executable,
            "-m",
            "scraper.collect",
            "--date",
            str(DAY),
            "--spiders",
            "ru74,retrofm",
            "--storage",
            storage,
        ]
        env = (
            os.environ
            | {"HOROSCOPE_SNAPSHOTS": archive.url, "HOROSCOPE_SPOOL": str(tmp_path / "spool")}
            | environment
        )
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout, done.stderr

    return collect


def test_a_day_is_collected_into_a_bucket_and_a_rerun_asks_for_nothing(collect_to, bucket, archive, tmp_path):
    code, out, errors = collect_to(bucket + "/prefix")
    assert (code, json.loads(out.splitlines()[-1])["rows_out"]) == (0, 24), errors
    runs = dict(manifests(bucket + "/prefix"))
    assert sorted(m["source"] for m in runs.values()) == ["retrofm", "ru74"]
    texts = [row["text"] for run, m in runs.items() for row in read_rows(bucket + "/prefix", run, m)]
    assert texts.count(text_of("leo")) == 2
    asked = len(archive.asked)
    assert json.loads(collect_to(bucket + "/prefix")[1].splitlines()[-1])["already"] == 2
    assert len(archive.asked) == asked
    assert [path for path in (tmp_path / "spool").rglob("*") if path.is_file()] == []


def test_wrong_keys_are_one_clear_line(collect_to, bucket):
    code, _, errors = collect_to(bucket, AWS_SECRET_ACCESS_KEY="wrong")
    assert code == 2
    assert [line for line in errors.splitlines() if "error:" in line] and "Traceback" not in errors
    assert "wrong" not in errors.replace("wrong arguments", "")


def test_an_archive_goes_into_a_bucket_and_out_as_one_csv(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("HOROSCOPE_SPOOL", str(tmp_path / "spool"))
    archive = tmp_path / "a.jsonl"
    archive.write_text(
        '{"date": "2019-03-01", "sign": "leo", "text": "Стоит начать с простого."}\n', encoding="utf-8"
    )
    assert import_archive([str(archive), "--source", "old", "--storage", bucket]) == 0
    assert export(["--storage", bucket, "--output", str(tmp_path / "out.csv")]) == 0
    assert "Стоит начать с простого." in (tmp_path / "out.csv").read_text(encoding="utf-8")


class FaultyStore:
    """A proxy before the S3 server. `plan` says what happens to the next PUTs: pass, 503, cut, lost (the
    answer is dropped), hang (nothing at all happens), or expired (the key's signature no longer holds). Where
    `is_away`, every connection is cut.
    """

    def __init__(self, endpoint, plan):
        self.plan = list(plan)
        self.is_away = False
        self.puts = []
        self.hanging, self.closing = threading.Event(), threading.Event()
        store, target = self, urlsplit(endpoint)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fate = "cut" if store.is_away else "pass"
                if self.command == "PUT":
                    store.puts.append(self.path)
                    fate = store.plan.pop(0) if store.plan else fate
                if fate == "cut":
                    self.connection.close()
                    self.close_connection = True
                    return
                if fate == "hang":
                    store.hanging.set()
                    store.closing.wait(20)
                    self.close_connection = True
                    return
                if fate == "expired":
                    signature = self.headers["Authorization"].rsplit("=", 1)
                    self.headers.replace_header("Authorization", f"{signature[0]}={signature[1][::-1]}")
                if fate == "503":
                    self.answer(
                        503,
                        {},
                        b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>",
                    )
                    return
                wire = http.client.HTTPConnection(target.hostname, target.port)
                wire.request(self.command, self.path, body, dict(self.headers))
                reply = wire.getresponse()
                kept = reply.read()
                if fate == "lost":
                    self.connection.close()
                    self.close_connection = True
                    return
                headers = {
                    n: v
                    for n, v in reply.getheaders()
                    if n.lower() not in ("transfer-encoding", "content-length")
                }
                length = reply.getheader("Content-Length") if self.command == "HEAD" else None
                self.answer(reply.status, headers, kept, length)

            def answer(self, status, headers, body, length=None):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", length or str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_HEAD = do_POST = forward

            def handle_expect_100(self):
                self.send_response_only(100)
                self.end_headers()
                return True

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def faulty(bucket, seaweedfs, monkeypatch):
    opened = []

    def open_store(*plan):
        opened.append(FaultyStore(seaweedfs["AWS_ENDPOINT_URL"], plan))
        monkeypatch.setenv("AWS_ENDPOINT_URL", opened[-1].url)
        S3FileSystem.clear_instance_cache()  # it remembers the endpoint of another test
        return opened[-1]

    yield open_store
    S3FileSystem.clear_instance_cache()
    for store in opened:
        store.close()


def run_folder(spool):
    """A whole run, waiting."""
    root = spool.parent / "s"
    aside = Aside(str(root), "process")
    writer = RunWriter(aside, DAY, "ru74", "20261120T000000Z-00000000")
    writer.write_part([HoroscopeItem(text="Первый.", date=str(DAY))])
    writer.write_part([HoroscopeItem(text="Второй.", date=str(DAY))])
    writer.publish({"outcome": "complete"})
    return next(root.glob("raw/date=*/source=*/run=*"))


TARGET = f"raw/date={DAY}/source=ru74/run=20261120T000000Z-00000000"


def test_killed_while_it_removes_what_is_uploaded_the_run_waits_no_more(tmp_path, monkeypatch):
    def killed(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("scraper.upload.ConfirmedS3.upload_fileobj", lambda *_: None)
    monkeypatch.setattr("scraper.upload.shutil.rmtree", killed)
    folder = run_folder(tmp_path / "spool")
    with pytest.raises(KeyboardInterrupt):
        upload_run(folder, "s3://bucket", TARGET, pauses_s=())
    assert not (folder / "manifest.json").exists()


def test_the_manifest_is_the_last_object_put(faulty, bucket, tmp_path):
    store = faulty()
    upload_run(run_folder(tmp_path / "spool"), bucket, TARGET, pauses_s=())
    assert [path.rsplit("/", 1)[1].split("?")[0] for path in store.puts] == [
        "part-0000.csv", "part-0001.csv", "manifest.json"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "plan", [["503", "cut"], ["lost"], ["pass", "lost", "503"], ["pass", "pass", "cut", "lost"]]
)
def test_an_upload_outlives_slow_downs_cut_connections_and_lost_answers(plan, faulty, bucket, tmp_path):
    faulty(*plan)
    upload_run(run_folder(tmp_path / "spool"), bucket, TARGET, pauses_s=(0.01,) * 4)
    ((run, manifest),) = manifests(bucket)
    assert [row["text"] for row in read_rows(bucket, run, manifest)] == ["Первый.", "Второй."]


def test_a_store_that_does_not_answer_is_asked_again(faulty, bucket, tmp_path, monkeypatch):
    monkeypatch.setattr("scraper.upload.TIMEOUT_S", 0.5)
    store = faulty("pass", "hang", "pass", "hang")
    upload_run(run_folder(tmp_path / "spool"), bucket, TARGET, pauses_s=(0.01,) * 2)
    assert store.hanging.is_set()
    ((run, manifest),) = manifests(bucket)
    assert [row["text"] for row in read_rows(bucket, run, manifest)] == ["Первый.", "Второй."]


def test_keys_that_expire_between_parts_show_no_run_and_new_keys_finish_it(faulty, bucket, tmp_path):
    store = faulty("pass", *["expired"] * 9)
    folder = run_folder(tmp_path / "spool")
    with pytest.raises(UploadError, match="SignatureDoesNotMatch"):
        upload_run(folder, bucket, TARGET, pauses_s=(0.01, 0.01))
    assert list(manifests(bucket)) == []
    store.plan = []
    upload_run(folder, bucket, TARGET, pauses_s=())
    assert [manifest["rows"] for _, manifest in manifests(bucket)] == [2]


@pytest.mark.parametrize("plan", [["cut"] * 9, ["pass"] + ["503"] * 9, ["pass", "pass"] + ["cut"] * 9])
def test_a_store_that_stays_away_leaves_the_folder_and_shows_no_run(plan, faulty, bucket, tmp_path):
    faulty(*plan)
    folder = run_folder(tmp_path / "spool")
    with pytest.raises(UploadError):
        upload_run(folder, bucket, TARGET, pauses_s=(0.01, 0.01))
    assert sorted(path.name for path in folder.iterdir()) == [
        "manifest.json",
        "part-0000.csv",
        "part-0001.csv",
    ]
    assert list(manifests(bucket)) == []


def test_a_crawl_whose_store_goes_away_fails_and_resume_upload_finishes_it(
    faulty, bucket, collect_to, tmp_path, monkeypatch, capsys
):
    store = faulty(*["cut"] * 99)
    monkeypatch.setenv("HOROSCOPE_UPLOAD_PATIENCE_S", "0.1")
    code, out, errors = collect_to(bucket)
    assert (code, json.loads(out.splitlines()[-1])["outcome"]) == (1, "failed")
    assert "finish with python -m scraper.resume_upload" in errors
    assert list(manifests(bucket)) == []
    monkeypatch.setenv("HOROSCOPE_SPOOL", str(tmp_path / "spool"))
    store.plan = []
    assert resume_upload([]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["rows_out"] == 2
    runs = dict(manifests(bucket))
    assert sorted((m["source"], m["outcome"], m["rows"]) for m in runs.values()) == [
        ("retrofm", "complete", 12),
        ("ru74", "complete", 12),
    ]
    assert list((tmp_path / "spool").iterdir()) == []
    assert json.loads(collect_to(bucket)[1].splitlines()[-1])["already"] == 2


def test_a_store_that_goes_away_while_sites_are_asked_gets_the_day_later(
    faulty, bucket, archive, collect_to, tmp_path, monkeypatch
):
    store = faulty()

    def page(day):
        store.is_away = True
        return retrofm_page(day)

    archive.changes["retrofm.ru", "/goroskop"] = page
    patience = {"HOROSCOPE_UPLOAD_PATIENCE_S": "0.1", "AWS_MAX_ATTEMPTS": "1"}
    code, _, errors = collect_to(bucket, **patience)
    assert (code, errors.count("finish with python -m scraper.resume_upload")) == (1, 2), errors
    store.is_away = False
    monkeypatch.setenv("HOROSCOPE_SPOOL", str(tmp_path / "spool"))
    assert resume_upload([]) == 0
    assert [manifest["rows"] for _, manifest in manifests(bucket)] == [12, 12]


def test_a_store_that_cannot_be_reached_is_one_clear_line_and_may_be_tried_again(
    collect_to, bucket, monkeypatch
):
    code, _, errors = collect_to(bucket, AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
    assert (code, len(errors.splitlines())) == (1, 1), errors
    assert "expected a readable storage" in errors


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), ValueError("a setting is wrong")])
def test_a_day_that_is_not_stored_for_whatever_reason_has_failed_and_does_not_wait(
    error, tmp_path, monkeypatch
):
    def fail(*_):
        raise error

    monkeypatch.setenv("HOROSCOPE_SPOOL", str(tmp_path))
    monkeypatch.setattr(RunWriter, "write_part", fail)
    account = DayAccount("mail", DAY, "run", "now")
    Parts(None, Aside("s3://bucket", "process"), "run").day_complete(account)
    (failure,) = account.failures
    assert failure.endswith(f"found {error}; collect again")


def test_a_source_forgotten_while_its_run_waits_does_not_come_back(bucket, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOROSCOPE_SPOOL", str(tmp_path / "spool"))
    aside = Aside(bucket, "process")
    for source in ("ru74", "mail"):
        run = run_folder(tmp_path / source / "spool")
        run.rename(aside.folder / f"date={DAY},source={source},run={run.name.removeprefix('run=')}")
    aside.close()
    assert forget(["--source", "ru74", "--storage", bucket, "--pages", str(tmp_path)]) == 0
    assert resume_upload([]) == 0
    assert "found ru74, forgotten meanwhile" in capsys.readouterr().err
    assert [run.split("/")[2] for run, _ in manifests(bucket)] == ["source=mail"]
    assert list((tmp_path / "spool").iterdir()) == []


def test_killed_between_parts_and_manifest_the_spool_has_the_run_and_resume_upload_finishes_it(
    faulty, bucket, archive, tmp_path, monkeypatch, capsys
):
    store = faulty("pass", "hang")
    command = [sys.executable, "-m", "scraper.collect", "--date", str(DAY), "--spiders", "ru74"]
    monkeypatch.setenv("HOROSCOPE_SPOOL", str(tmp_path / "spool"))
    env = os.environ | {"HOROSCOPE_SNAPSHOTS": archive.url}
    process = subprocess.Popen([*command, "--storage", bucket], cwd=ROOT, env=env, stderr=subprocess.DEVNULL)
    assert store.hanging.wait(60)
    process.kill()
    process.wait()
    assert [path.rsplit("/", 1)[1].split("?")[0] for path in store.puts] == ["part-0000.csv", "manifest.json"]
    assert list(manifests(bucket)) == []
    store.plan = []
    assert resume_upload([]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["rows_out"] == 1
    assert [manifest["rows"] for _, manifest in manifests(bucket)] == [12]
    assert list((tmp_path / "spool").iterdir()) == []
    again = subprocess.run([*command, "--storage", bucket], cwd=ROOT, env=env, capture_output=True, text=True)
    assert json.loads(again.stdout.splitlines()[-1])["already"] == 1


def test_a_crawl_killed_while_it_uploads_shows_no_half_run(faulty, bucket, archive, tmp_path):
    store = faulty()
    command = [
        sys.executable,
        "-m",
        "scraper.collect",
        "--date",
        str(DAY),
        "--spiders",
        "ru74,retrofm,newsler",
    ]
    env = os.environ | {"HOROSCOPE_SNAPSHOTS": archive.url, "HOROSCOPE_SPOOL": str(tmp_path / "spool")}
    process = subprocess.Popen([*command, "--storage", bucket], cwd=ROOT, env=env, stderr=subprocess.DEVNULL)
    while not store.puts and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    process.wait()
    for run, manifest in manifests(bucket):
        assert len(list(read_rows(bucket, run, manifest))) == manifest["rows"]
    assert (
        subprocess.run([*command, "--storage", bucket], cwd=ROOT, env=env, capture_output=True).returncode
        == 0
    )
    assert len({m["source"] for _, m in manifests(bucket)}) == 3
