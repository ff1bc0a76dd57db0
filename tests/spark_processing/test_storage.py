import hashlib
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow.dataset as ds
import pytest
from raw_data import row, text_of, write_run

from spark_processing import pipeline
from spark_processing.clean_job import main
from spark_processing.dataset import read_dataset
from spark_processing.storage import Folder, HadoopStorage, StorageError


@pytest.fixture(params=["folder", "hadoop"])
def storage(request, tmp_path, spark):
    """Both ways to the same place: plain Python, and the Hadoop client a cluster's `s3a:` goes through."""
    return Folder(str(tmp_path)) if request.param == "folder" else HadoopStorage(f"file:{tmp_path}", spark)


def test_a_file_is_written_read_replaced_and_deleted(storage):
    storage.write("processed/dataset.json", "один".encode())
    storage.write("processed/dataset.json", "два".encode())
    assert storage.read("processed/dataset.json") == "два".encode()
    assert [name for name in storage.names("processed") if not name.startswith(".")] == ["dataset.json"]
    storage.delete("processed")
    assert not storage.exists("processed/dataset.json") and storage.names("processed") == []


def test_a_folder_is_renamed_whole(storage):
    storage.write("processed/_writing/x/ledger.json", b"{}")
    storage.rename("processed/_writing/x", "processed/part=1")
    assert storage.names("processed/part=1")[-1:] == ["ledger.json"]
    assert not storage.exists("processed/_writing/x")


def test_a_digest_tells_size_sum_and_header(storage):
    storage.write("raw/part-0000.csv", "a,b\nодин,два\n".encode() * 100_000)
    found = storage.digest("raw/part-0000.csv")
    assert (found.bytes, found.header) == (2_000_000, "a,b")
    assert found.sha256 == hashlib.sha256(storage.read("raw/part-0000.csv")).hexdigest()


def test_readers_never_see_half_a_file(tmp_path):
    storage = Folder(str(tmp_path))
    states = [bytes([letter]) * 200_000 for letter in b"ab"]
    storage.write("state", states[0])
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for state in states:
                storage.write("state", state)

    writer = threading.Thread(target=write)
    writer.start()
    seen = {storage.read("state") for _ in range(300)}
    stop.set()
    writer.join()
    assert seen <= set(states)


def test_an_address_without_a_connector_names_the_package(spark):
    with pytest.raises(StorageError, match="spark-hadoop-cloud"):
        HadoopStorage("s3://bucket/prefix", spark)


def rows_of(root: Path, table: str) -> list[dict]:
    return ds.dataset(sorted(map(str, root.rglob(f"{table}/*.parquet")))).to_table().to_pylist()


def test_a_job_on_hadoop_paths_gives_the_same_dataset(tmp_path, spark, monkeypatch, capsys):
    """Elsewhere Spark's Java writes what the tasks write into a folder themselves."""
    folder, hadoop = tmp_path / "folder", tmp_path / "hadoop"
    signs = ("leo", "virgo", "libra")
    for root in (folder, hadoop):
        write_run(root, [row(sign=sign, text=text_of(n)) for n, sign in enumerate(signs)])
        write_run(root, [row(source="other", text=text_of(0)), row(source="other", sign="leo", text="Мало.")])
    assert main(["--storage", str(folder)]) == 0
    monkeypatch.setattr("spark_processing.program.is_folder", lambda root: False)
    assert main(["--storage", f"file:{hadoop}"]) == 0
    assert read_dataset(Folder(str(folder))) == read_dataset(Folder(str(hadoop)))
    for table, count in {"clean": 3, "rejected": 2}.items():
        assert rows_of(folder, table) == rows_of(hadoop, table)
        assert len(rows_of(folder, table)) == count
    csv, again = (next(root.rglob("clean_csv/*.csv")).read_bytes() for root in (folder, hadoop))
    assert csv == again and csv.count(b"\n") == 4
    capsys.readouterr()
    assert main(["--storage", f"file:{hadoop}"]) == 0
    assert '"skipped"' in capsys.readouterr().out.splitlines()[-1]


class Killed(BaseException):
    """kill -9, as far as the other job can tell."""


@pytest.mark.parametrize("other_ends", [True, False])
def test_two_jobs_at_once_where_there_is_no_lock(tmp_path, spark, monkeypatch, other_ends):
    """The other one comes while the first writes: it publishes and the first is refused, or it is killed and
    the first goes on as if alone. Either way all that is listed is there."""
    write_run(tmp_path, [row(sign=sign, text=text_of(n)) for n, sign in enumerate(("leo", "virgo", "libra"))])
    monkeypatch.setattr("spark_processing.program.is_folder", lambda root: False)
    write, account = pipeline.write_part, pipeline.account
    job = ["--storage", f"file:{tmp_path}"]

    def other_comes(*arguments):
        monkeypatch.setattr(pipeline, "write_part", write)
        aside = write(*arguments)
        if other_ends:
            assert main(job) == 0
        else:
            monkeypatch.setattr(pipeline, "account", lambda *_: killed())
            with pytest.raises(Killed):
                main(job)
            monkeypatch.setattr(pipeline, "account", account)
        return aside

    def killed():
        raise Killed

    monkeypatch.setattr(pipeline, "write_part", other_comes)
    assert main(job) == (1 if other_ends else 0)
    (part,) = read_dataset(Folder(str(tmp_path))).parts
    assert len(rows_of(tmp_path / part.folder, "clean")) == part.rows == 3
    assert (tmp_path / part.folder / "known/texts.arrow").exists()


def test_a_root_that_cannot_be_written_is_named(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "spark_processing.clean_job", "--storage", "/proc/horoscopes"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "/proc/horoscopes" in done.stderr and "Traceback" not in done.stderr


def test_a_folder_that_refuses_is_named(tmp_path):
    (tmp_path / "processed").write_text("a file in the folder's place")
    with pytest.raises(StorageError, match="can be written"), Folder(str(tmp_path)).locked("processed/.lock"):
        pass


def test_paths_are_taken_literally(tmp_path):
    root = tmp_path / "mesto s probelom=1"
    write_run(root, [row()])
    assert Folder(f"file:{root}").path("raw") == f"file://{root}/raw"
    assert Path(Folder(str(root)).path("raw").removeprefix("file://")).is_dir()
