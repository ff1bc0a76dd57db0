"""What is to be done is known without Spark, which starts as soon as there is anything to do."""

import subprocess
import sys

from raw_data import row, write_run

from spark_processing.clean_job import main
from spark_processing.plan import make_plan
from spark_processing.rules import Options
from spark_processing.storage import Folder


def test_spark_is_called_once_there_is_a_new_run_and_not_before(tmp_path, spark):
    write_run(tmp_path, [row()])
    calls = []
    assert make_plan(Folder(str(tmp_path)), Options(), on_work=lambda: calls.append("new"))
    assert calls == ["new"]
    assert main(["--storage", str(tmp_path)]) == 0
    assert make_plan(Folder(str(tmp_path)), Options(), on_work=lambda: calls.append("again")) is None
    assert calls == ["new"]


def test_a_damaged_run_is_the_last_word_though_spark_has_been_called(tmp_path):
    write_run(tmp_path, [row()])
    next(tmp_path.rglob("part-*.csv")).write_bytes(b"cut")
    command = [sys.executable, "-m", "spark_processing.clean_job", "--storage", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: expected ") and "Traceback" not in done.stderr
