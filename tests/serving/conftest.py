import datetime as dt
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_model import publish

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
