"""One change of a registry at a time. In: a registry's address. Out: a context; the second one to enter is
told so at once instead of waiting.

A folder is locked by its file, Postgres by an advisory lock: both go when their holder dies. An MLflow server
has neither; there the lock is a registered model of a name that only one can create, put aside when it is
older than any change takes.
"""

import contextlib
import fcntl
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

DATABASE = "mlflow.db"
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


def database_in(folder: Path) -> str:
    """MLflow's address of the SQLite file in a folder, which is made if there is none.

    It is made aside: one whose maker is killed, or that another opens meanwhile, stays half made for good.
    """
    database = folder.resolve() / DATABASE
    address = f"sqlite:///{database}"
    if not database.is_file():
        import mlflow

        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as aside:
            made = Path(aside) / DATABASE
            mlflow.MlflowClient(tracking_uri=f"sqlite:///{made}").search_registered_models()
            with contextlib.suppress(FileExistsError):  # another was quicker, and may have written to its own
                database.hardlink_to(made)
    return address


def is_database(address: str) -> bool:
    return address.startswith(("postgresql:", "postgresql+"))


@contextlib.contextmanager
def lock(address: str) -> Iterator[None]:
    """Raises RegistryProblem when another change is under way, or the registry stops answering."""
    kind = _postgres if is_database(address) else _server if "://" in address else _folder
    with answering(address), kind(address):
        yield


@contextlib.contextmanager
def answering(address: str) -> Iterator[None]:
    """Raises RegistryProblem for what MLflow and its database throw when they cannot answer."""
    import mlflow
    import sqlalchemy

    try:
        yield
    except (mlflow.exceptions.MlflowException, sqlalchemy.exc.SQLAlchemyError) as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise RegistryProblem(
            shown(
                f"expected the registry to answer, found {said[:300]}, in {address}; "
                "see that it runs and is not damaged, then run again"
            )
        ) from error


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
    left = client.search_registered_models(f"name='{LOCK_NAME}'")
    since_ms = left[0].creation_timestamp if left else 0
    if time.time() - since_ms / 1000 < STALE_S:
        raise _taken(address)
    try:
        if left:
            # Kept by that name: who found the same old lock can no more break the new one.
            client.rename_registered_model(LOCK_NAME, f"{LOCK_NAME}-left-{since_ms}")
        client.create_registered_model(LOCK_NAME)
    except mlflow.exceptions.MlflowException as error:  # the server has just answered: another was quicker
        raise _taken(address) from error
    try:
        yield
    finally:
        client.delete_registered_model(LOCK_NAME)
