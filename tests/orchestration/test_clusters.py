"""Temporary clusters against a Data Processing in this process, over the wire: none is left, and the
money is right."""

from __future__ import annotations

import errno
import importlib.util
import os
import random
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from yandex.cloud.dataproc.v1.job_pb2 import PysparkJob

from orchestration.clusters import BLANKS, ClusterFailed, ClusterService, ClusterSpec, read_cluster
from orchestration.lease import Leases
from orchestration.ledger import CLUSTER, JOB, Ledger, LimitReached, Prices, Reservation
from orchestration.package import package_zip
from orchestration.patience import Patience
from orchestration.record import Storage
from orchestration.settings import BadSetting

NAME = "orchestration_dataproc_server"
loaded = importlib.util.spec_from_file_location(NAME, Path(__file__).with_name("dataproc_server.py"))
fake = importlib.util.module_from_spec(loaded)
sys.modules[NAME] = fake
loaded.loader.exec_module(fake)

QUICK = Patience(poll_s=0.005, first_s=0.002, tries=4, call_s=5)
SPEC = ClusterSpec("f1", "b1", "a1", "s1", ["g1"], ["key"], "z1", "small", hosts=1, disk_gb=32, max_hours=2)
NAMED = "horoscope-2026-11-23-abcd"
HOUR = 2 * 30.0  # two hosts


@pytest.fixture
def make(tmp_path):
    """A cloud with the given faults, and leases over the wire with a book in a folder."""
    clouds = []

    def start(*faults: tuple[str, str], limit: float = 1000.0, wait_s: float = 5.0):
        cloud = fake.Cloud(faults)
        clouds.append(cloud)
        service = ClusterService(cloud.client, QUICK, wait_s=wait_s)
        ledger = Ledger(Storage(str(tmp_path / f"book{len(clouds)}")))
        return cloud, Leases(service, ledger, Prices(limit, {"small": 30.0}), clock=lambda: cloud.now)

    yield start
    for cloud in clouds:
        cloud.stop()


def run_once(cloud, leases, minutes: float = 30) -> str:
    """A run as the DAG has it: provide with retries, the job, the teardown with retries; the run's colour."""
    colour = "green"
    try:
        cluster_id = with_retries(lambda: leases.provide(SPEC, NAMED, "run"))
        cloud.now += minutes * 60
        with_retries(
            lambda: leases.service.run(cluster_id, "clean", PysparkJob(args=["--storage", "s3a://b"]))
        )
    except (grpc.RpcError, ClusterFailed, LimitReached):
        colour = "red"
    with_retries(lambda: leases.dismiss("f1", NAMED), tries=6)
    return colour


def with_retries(act, tries: int = 3):
    for again in range(tries):
        try:
            return act()
        except (grpc.RpcError, ClusterFailed) as error:
            if again == tries - 1 or not (isinstance(error, ClusterFailed) or Patience.can_heal(error)):
                raise
    raise AssertionError


def book(leases) -> dict:
    (entry,) = leases.ledger.entries(leases.clock())
    return entry


def test_a_cluster_is_created_labelled_used_deleted_and_booked(make):
    cloud, leases = make()
    cluster_id = leases.provide(SPEC, NAMED, "run-7")
    labels = dict(cloud.clusters[cluster_id].labels)
    assert labels == {"owner": "horoscope", "run": "run-7", "overdue": str(int(cloud.now + 7200))}
    assert book(leases)["roubles"] == HOUR * 2, "the whole of what it may cost is reserved"
    cloud.now += 1800
    assert leases.dismiss("f1", NAMED) == 1
    assert (book(leases)["minutes"], book(leases)["roubles"], book(leases)["open"]) == (30, HOUR / 2, False)
    assert cloud.clusters == {}


HEALS = [
    [("Create", "down")],
    [("Create", "lost")],
    [("Create", "hidden")],
    [("Create", "lost"), ("Create", "hidden")],
    [("Create", "expired")],
    [("List", "down"), ("List", "expired")],
    [("Operation", "down")],
    [("CreateJob", "down")],
    [("CreateJob", "lost")],
    [("GetJob", "down"), ("ListJobs", "down")],
    [("Delete", "down")],
    [("Delete", "lost")],
    [("Delete", "expired"), ("Delete", "lost")],
]


@pytest.mark.parametrize(
    "faults", HEALS, ids=lambda faults: "+".join(f"{call}-{name}" for call, name in faults)
)
def test_after_a_fault_that_heals_the_run_is_green_with_one_cluster_one_job_and_one_bill(make, faults):
    cloud, leases = make(*faults)
    assert run_once(cloud, leases) == "green"
    assert (cloud.made, len(cloud.jobs), cloud.clusters, cloud.faults) == (1, 1, {}, [])
    assert (book(leases)["minutes"], book(leases)["roubles"]) == (30, HOUR / 2)


@pytest.mark.parametrize("fault", ["denied", "quota"])
def test_a_creation_that_is_refused_is_red_leaves_nothing_and_costs_nothing(make, fault):
    cloud, leases = make(("Create", fault))
    assert run_once(cloud, leases) == "red"
    assert (cloud.made, cloud.clusters) == (0, {})
    assert (book(leases)["roubles"], book(leases)["open"]) == (0, False)


@pytest.mark.parametrize("fault", ["half", "stuck"])
def test_a_cluster_that_does_not_come_up_is_deleted_and_a_retry_makes_another(make, fault):
    cloud, leases = make(("Create", fault), wait_s=0.3)
    assert run_once(cloud, leases) == "green"
    assert (cloud.made, cloud.clusters) == (2, {})


@pytest.mark.parametrize("fault", ["half", "stuck"])
def test_clusters_that_never_come_up_are_red_and_none_is_left(make, fault):
    cloud, leases = make(*[("Create", fault)] * 3, wait_s=0.3)
    assert run_once(cloud, leases) == "red"
    assert (cloud.made, cloud.clusters, book(leases)["open"]) == (3, {}, False)


def test_a_failed_job_is_red_and_leaves_no_cluster(make):
    cloud, leases = make(*[("GetJob", "fails")] * 3)
    assert run_once(cloud, leases) == "red"
    assert cloud.clusters == {}


def test_a_deletion_that_is_refused_is_told_and_not_swallowed(make):
    _, leases = make(("Delete", "denied"))
    leases.provide(SPEC, NAMED, "run")
    with pytest.raises(grpc.RpcError):
        leases.dismiss("f1", NAMED)
    assert book(leases)["open"], "what is not deleted goes on being paid for"


def test_killed_between_deletion_and_booking_the_bill_is_still_right(make, monkeypatch):
    cloud, leases = make()
    leases.provide(SPEC, NAMED, "run")
    cloud.now += 600
    monkeypatch.setattr(Ledger, "close", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        leases.dismiss("f1", NAMED)
    monkeypatch.undo()
    assert leases.dismiss("f1", NAMED) == 0
    assert book(leases)["minutes"] == 10


def test_a_second_cluster_of_one_run_is_booked_beside_the_first(make):
    cloud, leases = make()
    for _ in range(2):
        leases.provide(SPEC, NAMED, "run")
        cloud.now += 600
        leases.dismiss("f1", NAMED)
    assert (book(leases)["minutes"], book(leases)["roubles"]) == (20, HOUR / 3)


def test_the_monthly_limit_stops_before_it_spends(make):
    cloud, leases = make(limit=HOUR * 3)
    leases.provide(SPEC, NAMED, "run")
    with pytest.raises(LimitReached, match="raise monthly_limit"):
        leases.provide(SPEC, "horoscope-other", "run")
    assert cloud.made == 1
    cloud.now += 1800
    leases.dismiss("f1", NAMED)
    leases.provide(SPEC, "horoscope-other", "run")
    assert cloud.made == 2


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(Storage(str(tmp_path)))


def test_of_a_cluster_and_a_gpu_job_that_ask_at_once_the_first_has_the_money(ledger, monkeypatch):
    """Both have written their entry before either looks at the limit, which has room for one."""
    both_wrote, entries, looks = threading.Barrier(2), ledger.entries, Counter()

    def look(now_s: float) -> list[dict]:
        looks[now_s] += 1
        if looks[now_s] == 1:
            both_wrote.wait(10)
        return entries(now_s)

    def ask(asked: Reservation, now_s: float) -> str:
        try:
            ledger.open(asked, 100, now_s)
            return "reserved"
        except LimitReached:
            return "refused"

    monkeypatch.setattr(ledger, "entries", look)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, Reservation("train", JOB, 30, 2), 1000.0)
        second = pool.submit(ask, Reservation("clean", CLUSTER, 30, 2), 1000.1)
    assert (first.result(), second.result()) == ("reserved", "refused")
    assert ledger.spent(1000.0) == 60


def test_a_reservation_cut_off_before_the_limit_was_looked_at_is_not_granted_by_a_retry(ledger, monkeypatch):
    ledger.open(Reservation("train", JOB, 30, 2), 100, 1000.0)
    asked = Reservation("clean", CLUSTER, 30, 2)
    monkeypatch.setattr(ledger, "entries", lambda now_s: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ledger.open(asked, 100, 1001.0)
    monkeypatch.undo()
    with pytest.raises(LimitReached):
        ledger.open(asked, 100, 1002.0)
    assert ledger.spent(1003.0) == 60


def test_a_run_and_the_sweeper_may_write_one_entry_at_once(tmp_path):
    storage = Storage(str(tmp_path))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: storage.write("ledger/entry.json", str(n).encode()), range(400)))
    assert [path.name for path in (tmp_path / "ledger").iterdir()] == ["entry.json"]


def test_a_killed_try_and_its_retry_may_withdraw_one_entry_at_once(tmp_path):
    storage = Storage(str(tmp_path))
    with ThreadPoolExecutor(4) as pool:
        for _ in range(100):
            storage.write("ledger/entry.json", b"{}")
            list(pool.map(storage.remove, ["ledger/entry.json"] * 4))
    assert storage.names("ledger") == []


def test_an_entry_withdrawn_between_listing_and_reading_is_nothing_to_fail_over(ledger, monkeypatch):
    listed = ledger.storage.names
    monkeypatch.setattr(ledger.storage, "names", lambda folder: [*listed(folder), f"{folder}/gone.json"])
    ledger.open(Reservation("clean", CLUSTER, 30, 2), 100, 1000.0)
    assert ledger.spent(1000.0) == 60


@pytest.mark.parametrize("content", [b"", b'{"half', b"\0\0\0\0\0", b"[1]"])
def test_a_damaged_entry_is_named_and_nothing_is_reserved_beside_it(ledger, content):
    ledger.open(Reservation("clean", CLUSTER, 30, 2), 100, 1000.0)
    ledger.storage.write("ledger/month=1970-01/clean.json", content)
    with pytest.raises(BadSetting, match=r"ledger/month=1970-01/clean\.json; repair it, or remove it"):
        ledger.open(Reservation("train", JOB, 30, 2), 200, 1000.0)


def test_a_book_that_cannot_be_listed_is_not_an_empty_one(ledger, monkeypatch):
    ledger.open(Reservation("clean", CLUSTER, 30, 2), 100, 1000.0)

    def no_descriptor(path: str) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)

    monkeypatch.setattr(os, "scandir", no_descriptor)
    with pytest.raises(OSError, match="Too many open files"):
        ledger.spent(1000.0)


def test_what_has_no_price_is_not_created(make):
    cloud, leases = make()
    with pytest.raises(BadSetting, match="huge"):
        leases.provide(ClusterSpec(**{**SPEC.__dict__, "preset": "huge"}), NAMED, "run")
    assert cloud.made == 0


@pytest.mark.parametrize("missing", ["ssh_public_keys", "security_group_ids"])
def test_a_cluster_that_the_service_refuses_costs_nothing(make, missing):
    cloud, leases = make()
    with pytest.raises(grpc.RpcError, match="without a public key or a security group"):
        leases.provide(ClusterSpec(**{**SPEC.__dict__, missing: []}), NAMED, "run")
    leases.dismiss("f1", NAMED)
    assert cloud.made == 0
    assert (book(leases)["open"], book(leases)["roubles"]) == (False, 0)


def test_the_sweeper_deletes_what_is_overdue_and_nothing_of_others(make):
    cloud, leases = make()
    leases.provide(SPEC, NAMED, "run")
    theirs = fake.Cluster(id="x", folder_id="f1", name="theirs", status=fake.Cluster.RUNNING)
    theirs.labels["overdue"] = "1"
    cloud.clusters["x"] = theirs
    assert leases.sweep("f1") == []
    cloud.now += 7201
    assert leases.sweep("f1") == [NAMED]
    assert list(cloud.clusters) == ["x"]
    assert not book(leases)["open"]


def test_a_cluster_is_deleted_also_where_the_book_cannot_be_read(make, monkeypatch):
    cloud, leases = make()
    for act in (lambda: leases.dismiss("f1", NAMED), lambda: leases.sweep("f1")):
        leases.provide(SPEC, NAMED, "run")
        cloud.now += 7201
        with monkeypatch.context() as patch:
            patch.setattr(leases.ledger.storage, "read", lambda name: Path("/gone/bucket").read_bytes())
            with pytest.raises(FileNotFoundError, match="/gone/bucket"):
                act()
        assert cloud.clusters == {}
        leases.dismiss("f1", NAMED)
        assert not book(leases)["open"]


def test_one_cluster_that_cannot_be_deleted_does_not_keep_the_sweeper_from_the_others(make):
    cloud, leases = make()
    for name in ("horoscope-a", "horoscope-b", "horoscope-c"):
        leases.provide(SPEC, name, "run")
    cloud.now += 7201
    cloud.faults = [("Delete", "denied")]
    with pytest.raises(grpc.RpcError, match="PERMISSION_DENIED"):
        leases.sweep("f1")
    assert [cluster.name for cluster in cloud.clusters.values()] == ["horoscope-a"]


def test_the_cluster_file_is_read_and_its_faults_are_named(tmp_path):
    values = {**dict.fromkeys(BLANKS, "x"), "folder": "f"}
    file = Path(__file__).resolve().parents[2] / "orchestration" / "jobs" / "cluster.toml"
    assert read_cluster(file, values).folder_id == "f"
    with pytest.raises(BadSetting, match="bucket"):
        read_cluster(file, {"folder": "f"})


def test_the_package_has_the_same_bytes_for_the_same_sources(tmp_path):
    package = tmp_path / "job"
    (package / "__pycache__").mkdir(parents=True)
    (package / "a.py").write_text("print()")
    first = package_zip(package)
    (package / "__pycache__" / "a.pyc").write_text("machine's own")
    (package / "a.py").touch()
    assert package_zip(package) == first
    (package / "a.py").write_text("print(1)")
    assert package_zip(package) != first


@pytest.mark.slow
def test_two_hundred_random_faults_leave_no_cluster_and_no_wrong_bill(make, capsys):
    seed = 20261123
    with capsys.disabled():
        print(f"seed {seed}")
    chance = random.Random(seed)
    calls = ["Create", "List", "Delete", "CreateJob", "GetJob", "ListJobs", "Operation"]
    for _ in range(200):
        names = ["down", "lost", "expired", "denied", "quota"]
        faults = [(chance.choice(calls[:1] * 3 + calls), chance.choice(names)) for _ in range(2)]
        hopeless = Counter(fault for fault in faults if fault[1] in ("denied", "quota"))
        cloud, leases = make(*faults)
        try:
            colour = run_once(cloud, leases)
        except grpc.RpcError as error:  # the teardown was refused: red, and the sweeper's turn
            assert error.code().name in ("PERMISSION_DENIED", "RESOURCE_EXHAUSTED"), faults
            colour = "red"
            cloud.now += 7201
            leases.sweep("f1")
        assert cloud.clusters == {}, faults
        assert (colour == "red") == bool(hopeless - Counter(cloud.faults)), faults
        for entry in leases.ledger.entries(cloud.now):
            assert not entry["open"], faults
            assert entry["roubles"] == pytest.approx(entry["minutes"] * HOUR / 60, abs=0.02), faults
        cloud.stop()
