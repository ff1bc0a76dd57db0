"""What a person sees: a live line and then the texts on a terminal, every line with its step in a log."""

from __future__ import annotations

import os
import pty
import subprocess
import sys


def run_on_terminal(project) -> str:
    """Everything the runner writes to a terminal that is both its stdout and its stderr."""
    ours, theirs = pty.openpty()
    argv = [
        sys.executable,
        "-m",
        "orchestration.run",
        "--date",
        "2026-11-23",
        "--storage",
        str(project.storage),
    ]
    environment = {**project.environment, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(argv, cwd=project.folder, env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other end has gone
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    assert process.wait(timeout=30) == 0
    return seen.decode()


def test_a_terminal_shows_the_running_step_with_its_latest_word_and_the_texts_whole(project):
    project.wish("train", sleep_s=0.5)
    seen = run_on_terminal(project)
    assert "train at work" in seen
    assert seen.index("✓ train") < seen.index("✓ publish")
    assert seen.index("✓ show") < seen.index("\nОвен: доброе утро")
    assert "\x1b[" in seen


def test_a_log_gets_every_line_with_its_step_and_no_control_characters(project):
    project.wish("train", exit=1, error="no memory")
    _, _, err = project.run()
    assert "collect: demo server up" in err
    assert "train: error: no memory" in err
    assert "\x1b[" not in err
