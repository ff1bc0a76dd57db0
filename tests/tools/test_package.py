"""The archive for a cluster holds the package, nothing compiled, and the same bytes for the same sources."""

import subprocess
import sys
import zipfile

from tools import package


def sources(folder):
    made = folder / "job"
    (made / "__pycache__").mkdir(parents=True)
    (made / "__init__.py").write_text("ANSWER = 42\n")
    (made / "__pycache__" / "__init__.cpython-311.pyc").write_bytes(b"old")
    return made


def test_the_zip_can_be_imported_and_holds_nothing_compiled(tmp_path):
    target = tmp_path / "dist" / "job.zip"
    assert package.main([str(sources(tmp_path)), str(target)]) == 0
    assert zipfile.ZipFile(target).namelist() == ["job/__init__.py"]
    program = f"import sys; sys.path.insert(0, {str(target)!r}); import job; print(job.ANSWER)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "42\n"


def test_same_sources_same_bytes(tmp_path):
    made = sources(tmp_path)
    package.write_zip(made, tmp_path / "one.zip")
    (made / "__init__.py").touch()
    package.write_zip(made, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_a_folder_that_is_no_package_is_refused(tmp_path, capsys):
    assert package.main([str(tmp_path), str(tmp_path / "job.zip")]) == 2
    assert "expected a package" in capsys.readouterr().err
    assert not (tmp_path / "job.zip").exists()
