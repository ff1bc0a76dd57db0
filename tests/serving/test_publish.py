import datetime as dt
import json
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fake_model import FakeModel, FakeWriter, publish

from serving import publish as program
from serving.command import CommandError
from serving.days import TEXT_FIELDS, CorruptDayError, day_path, read_day
from serving.signs import SIGNS

HERE = Path(__file__).parent


def document(root, day):
    return json.loads(Path(day_path(str(root), day)).read_text())


def test_a_day_holds_every_sign_for_every_topic_with_its_lineage(tmp_path, day):
    summary = publish(tmp_path, day)
    published = document(tmp_path, day)
    assert {(t["sign"], t["topic"]) for t in published["texts"]} == {
        (sign.slug, topic) for sign in SIGNS for topic in ("general", "love")
    }
    assert all(
        set(text) == set(TEXT_FIELDS) and text["gates"] and all(text["gates"].values())
        for text in published["texts"]
    )
    assert published["model"]["dataset_version"] == "0123456789ab"
    assert published["status"] == "champion"
    assert summary["rows_in"] == 48
    assert summary["rows_out"] == 24


def test_the_same_day_from_the_same_model_gives_the_same_bytes(tmp_path, day):
    publish(tmp_path / "one", day)
    publish(tmp_path / "two", day)
    assert (
        Path(day_path(str(tmp_path / "one"), day)).read_bytes()
        == Path(day_path(str(tmp_path / "two"), day)).read_bytes()
    )


def test_a_day_already_published_by_the_champion_is_skipped_and_forced_only_on_demand(tmp_path, day):
    publish(tmp_path, day)
    assert publish(tmp_path, day)["outcome"] == "skipped"
    assert "outcome" not in publish(tmp_path, day, force=True)


def test_a_new_champion_or_a_new_topic_publishes_the_day_again(tmp_path, day):
    publish(tmp_path, day)
    publish(tmp_path, day, [FakeModel(FakeWriter("2"))])
    assert document(tmp_path, day)["model"]["version"] == "2"
    publish(tmp_path, day, [FakeModel(FakeWriter("2"))], topics=("general", "love", "health"))
    assert len(document(tmp_path, day)["texts"]) == 36


def test_refused_cells_are_sampled_again_with_other_seeds(tmp_path, day):
    class Stubborn(FakeWriter):
        def write(self, day, cells, candidates, attempt):
            self.refuse = frozenset({("love", "leo")}) if attempt < 2 else frozenset()
            return super().write(day, cells, candidates, attempt)

    writer = Stubborn()
    publish(tmp_path, day, [FakeModel(writer)])
    assert writer.calls[1:] == [((("love", "leo"),), 1), ((("love", "leo"),), 2)]
    assert read_day(str(tmp_path), day).find("leo", "love").candidates == 6


def test_when_the_champion_cannot_fill_the_day_the_previous_one_does_and_it_is_said(tmp_path, day):
    champion = FakeModel(FakeWriter("2", refuse=frozenset({("love", "leo")})))
    summary = publish(tmp_path, day, [champion, FakeModel(FakeWriter("1"), "previous_champion")])
    assert document(tmp_path, day)["status"] == summary["status"] == "previous_champion"
    assert "leo/love: {'format': 16}" in summary["fallbacks"][0]
    damaged = FakeModel(FakeWriter("3"), broken=True)
    assert (
        "weights are damaged"
        in publish(tmp_path, day, [damaged, FakeModel(FakeWriter("1"), "previous_champion")])["fallbacks"][0]
    )


def test_when_no_model_can_fill_the_day_nothing_is_written(tmp_path, day):
    champion = FakeModel(FakeWriter("2", same=True))
    with pytest.raises(CommandError, match=r"23 of 24 texts refused .*unlike_other_signs"):
        publish(tmp_path, day, [champion])
    assert not list(tmp_path.rglob("*.json"))


class Forgetful(FakeWriter):
    """Writes the same texts every day; a second attempt is as good as the writer's memory."""

    def write(self, day, cells, candidates, attempt):
        return super().write(dt.date(2000, 1, 1), cells, candidates, attempt)


def test_no_text_repeats_one_of_the_last_thirty_days(tmp_path, day):
    for back in (30, 1, 0):
        publish(tmp_path, day - dt.timedelta(days=back), [FakeModel(Forgetful())], topics=["general"])
    days = [read_day(str(tmp_path), day - dt.timedelta(days=back)) for back in (30, 1, 0)]
    assert not {h.text for h in days[0].horoscopes} & {h.text for h in days[1].horoscopes}
    assert not {h.text for h in days[1].horoscopes} & {h.text for h in days[2].horoscopes}


def test_when_nothing_new_can_be_written_the_least_alike_is_kept_and_the_gate_is_told_as_failed(
    tmp_path, day
):
    class Poor(Forgetful):
        def write(self, day, cells, candidates, attempt):
            return super().write(day, cells, candidates, 0)

    publish(tmp_path, day - dt.timedelta(days=1), [FakeModel(Poor())], topics=["general"], candidates=1)
    summary = publish(tmp_path, day, [FakeModel(Poor())], topics=["general"], candidates=1)
    assert summary["like_last_days"] == 12
    gates = [horoscope.gates for horoscope in read_day(str(tmp_path), day).horoscopes]
    assert all(g["unlike_last_days"] is False and g["unlike_other_signs"] and g["format"] for g in gates)


def test_a_corrupt_day_is_written_over(tmp_path, day):
    publish(tmp_path, day)
    path = Path(day_path(str(tmp_path), day))
    whole = path.read_bytes()
    path.write_bytes(whole[:500])
    publish(tmp_path, day)
    assert path.read_bytes() == whole


def test_two_publishers_at_once_leave_one_whole_day(tmp_path, day):
    command = [sys.executable, HERE / "fake_model.py", tmp_path, str(day)]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert len(read_day(str(tmp_path), day).horoscopes) == 24


def test_killed_at_random_instants_and_run_again_the_data_are_the_same(tmp_path, day):
    days = [day + dt.timedelta(days=n) for n in range(5)]
    for each in days:
        publish(tmp_path / "unharmed", each)
    command = [sys.executable, HERE / "fake_model.py", tmp_path / "killed", *map(str, days)]
    dice = random.Random(5)
    for _ in range(6):
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(dice.uniform(0, 0.12))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for each in days:
            read_day(str(tmp_path / "killed"), each)  # whole or absent, never corrupt
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for each in days:
        unharmed, rerun = (Path(day_path(str(tmp_path / root), each)) for root in ("unharmed", "killed"))
        assert rerun.read_bytes() == unharmed.read_bytes()


def test_a_full_disk_fails_the_step_and_leaves_the_published_day(tmp_path, day, monkeypatch, capsys):
    publish(tmp_path, day)
    before = Path(day_path(str(tmp_path), day)).read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("serving.publish.os.fsync", full)
    monkeypatch.setattr(program, "registered_models", lambda _: [FakeModel(FakeWriter("2"))])
    assert program.main(["--date", str(day), "--storage", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert "No space left" in captured.err
    assert json.loads(captured.out.splitlines()[-1])["outcome"] == "failed"
    assert Path(day_path(str(tmp_path), day)).read_bytes() == before


def test_a_file_that_may_not_grow_further_leaves_no_half_written_day(tmp_path, day):
    """The kernel refuses the write in the middle, as a full disk does."""

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    command = [sys.executable, "-B", HERE / "fake_model.py", tmp_path, str(day)]
    done = subprocess.run(command, preexec_fn=small_files, capture_output=True, text=True)
    assert done.returncode != 0 and "File too large" in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert read_day(str(tmp_path), day) is None


def test_a_day_is_early_as_long_as_it_has_begun_nowhere(tmp_path, day):
    """The 23rd begins on Kiribati at 10:00 UTC of the 22nd."""
    assert publish(tmp_path, day, generated_at="2026-11-22T08:30:00+00:00")["hours_early"] == 1.5
    late = publish(tmp_path, day, force=True, generated_at="2026-11-22T17:00:00+00:00")
    assert late["hours_early"] == -7.0


def test_an_unwritable_storage_root_is_one_clear_line(tmp_path, day, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(program, "registered_models", lambda _: [FakeModel()])
    assert program.main(["--date", str(day), "--storage", str(tmp_path / "file")]) != 0
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "--storage" in errors[0]


@pytest.mark.parametrize("wrong", [["--date", "23.11.2026"], ["--topics", "weather"], ["--candidates", "0"]])
def test_wrong_arguments_exit_with_2_and_say_what_was_expected(wrong, capsys):
    with pytest.raises(SystemExit, match="2"):
        program.main(wrong)
    assert "expected" in capsys.readouterr().err


def test_a_reader_at_any_instant_finds_a_whole_day(tmp_path, day):
    publish(tmp_path, day)
    done, torn = threading.Event(), []

    def read():
        while not done.is_set():
            try:
                assert read_day(str(tmp_path), day) is not None
            except (CorruptDayError, AssertionError) as error:
                torn.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    document_now = document(tmp_path, day)
    for _ in range(150):
        program.write_day(str(tmp_path), day, document_now)
    done.set()
    reader.join()
    assert torn == []
