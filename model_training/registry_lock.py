"""One change of a registry at a time. In: a registry's address. Out: a context; the second one to enter is
told so at once instead of waiting.

A folder is locked by its file, Postgres by an advisory lock: both go when their holder dies. An MLflow server
has neither; there the lock is a registered model of a name that only one can create, broken when it is older
than any change takes.
"""

import contextlib
import fcntl
import re
import time
from collections.abc import Iterator
from pathlib import Path

LOCK_NAME = "horoscope-lock"
ADVISORY_KEY = int.from_bytes(b"horosco", "big")
STALE_S = 1800


class RegistryProblem(Exception):
    """There is no such registry, version or right to do it; the message says what to do."""


def shown(address: str) -> str:
    """The address as it may stand in a log: without the password."""
    return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:***@", address)


def with_driver(address: str) -> str:
    """A Postgres address without a driver's name gets psycopg, the one that is installed."""
    return re.sub(r"^postgresql:", "postgresql+psycopg:", address)


def is_database(address: str) -> bool:
    return address.startswith(("postgresql:", "postgresql+"))


@contextlib.contextmanager
def lock(address: str) -> Iterator[None]:
    """Raises RegistryProblem when another change is under way."""
    kind = _postgres if is_database(address) else _server if "://" in address else _folder
    with kind(address):
        yield


def _taken(address: str) -> RegistryProblem:
    return RegistryProblem(
        f"expected no other change under way, found one, in {shown(address)}; run again when it has ended"
    )


@contextlib.contextmanager
def _folder(address: str) -> Iterator[None]:
    Path(address).mkdir(parents=True, exist_ok=True)
    with (Path(address) / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _taken(address) from error
        yield


@contextlib.contextmanager
def _postgres(address: str) -> Iterator[None]:
    import sqlalchemy

    engine = sqlalchemy.create_engine(with_driver(address), poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        asked = sqlalchemy.text("select pg_try_advisory_lock(:key)")
        if not connection.execute(asked, {"key": ADVISORY_KEY}).scalar():
            raise _taken(address)
        yield  # the lock ends with the connection


@contextlib.contextmanager
def _server(address: str) -> Iterator[None]:
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=address)
    with contextlib.suppress(mlflow.exceptions.MlflowException):
        held_s = time.time() - client.get_registered_model(LOCK_NAME).creation_timestamp / 1000
        if held_s < STALE_S:
            raise _taken(address)
        client.delete_registered_model(LOCK_NAME)
    try:
        client.create_registered_model(LOCK_NAME)
    except mlflow.exceptions.MlflowException as error:
        raise _taken(address) from error
    try:
        yield
    finally:
        client.delete_registered_model(LOCK_NAME)
