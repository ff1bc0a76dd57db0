import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def spark():
    from spark_processing.session import open_session

    session = open_session("tests", 0, "local[2]")
    yield session
    session.stop()


@pytest.fixture
def clean_job(tmp_path, spark, capsys):
    """Run the job in this process and session; gives exit code, summary and what stderr said."""
    from spark_processing.clean_job import main

    def run(*arguments):
        capsys.readouterr()
        code = main(["--storage", str(tmp_path), *arguments])
        said = capsys.readouterr()
        return code, json.loads(said.out.splitlines()[-1]), said.err

    return run
