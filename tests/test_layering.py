"""Who may import whom: packages travel alone, so nothing of ours crosses a border but what is listed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("scraper", "spark_processing", "model_training", "serving", "orchestration", "demo")
ALLOWED = {"serving": ("model_training.inference", "model_training.registry")}
SPARK_JOB_MAY_IMPORT = {"pyspark", "pyarrow", "numpy", "spark_processing"}  # what Spark's Arrow side brings


def imported_names(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def modules(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found, f"{package}/ holds no module"
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_imports_another_but_where_agreed(package):
    others = set(PACKAGES) - {package}
    strangers = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules(package)
        for name in imported_names(path)
        if name.split(".")[0] in others
        and not any(name == ok or name.startswith(f"{ok}.") for ok in ALLOWED.get(package, ()))
    ]
    assert strangers == []


def test_the_cleaning_job_needs_nothing_but_pyspark_and_its_arrow_side():
    strangers = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules("spark_processing")
        for name in imported_names(path)
        if name.split(".")[0] not in sys.stdlib_module_names | SPARK_JOB_MAY_IMPORT
    ]
    assert strangers == []


def test_the_cleaning_job_keeps_to_python_3_8_syntax():
    for path in modules("spark_processing"):
        ast.parse(path.read_text(encoding="utf-8"), filename=str(path), feature_version=(3, 8))


def test_spiders_and_pipelines_stay_apart():
    spiders = [path for path in (ROOT / "scraper" / "spiders").glob("*.py") if path.name != "__init__.py"]
    pipelines = list((ROOT / "scraper" / "pipelines").glob("*.py"))
    assert spiders and pipelines
    for path in spiders + pipelines:
        wrong = [name for name in imported_names(path) if name.startswith("scraper.spiders.")]
        assert wrong == [], f"{path.name} imports a spider"


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("serving.api", ("torch", "mlflow", "transformers", "pandas")),
        ("orchestration.run", ("torch", "pyspark", "airflow", "scrapy", "mlflow")),
        ("model_training.registry", ("torch", "transformers", "mlflow")),
        ("scraper.collect", ("torch", "pyspark", "mlflow")),
        ("spark_processing.clean_job", ("torch", "pyspark.sql.connect", "pandas")),
    ],
)
def test_importing_a_program_does_not_load_what_it_does_not_need(module, heavy):
    program = f"import sys, {module}; print(*[name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_module_does_nothing(package, tmp_path):
    """No folders made, no arguments read, nothing printed."""
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in modules(package)
        if path.name not in ("__main__.py", "__init__.py") and "dags" not in path.parts
    ]
    program = f"import importlib\nfor name in {names!r}: importlib.import_module(name)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, "--no-such-argument"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(ROOT),
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
        },
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("airflow", ".cache")] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_opens_with_what_it_is_for(package):
    silent = [
        str(path.relative_to(ROOT))
        for path in modules(package)
        if path.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []
