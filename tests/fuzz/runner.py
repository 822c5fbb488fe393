"""Runs a command line many times, each in a forked child of one process that has imported all it may need.

The process only imports, it never computes: threads do not survive a fork. As a script, `runner.py MODULE:COMMAND
[PACKAGE]` imports a click command and all modules of a package, then answers a line of JSON for a line of JSON.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import resource
import select
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

MEMORY = 8 << 30  # bytes of addresses; a header that promises more must be refused, not tried


@dataclass(frozen=True)
class Result:
    """How a call ended: its exit code, or minus the signal that killed it, None where it ran out of time."""

    code: int | None
    seconds: float
    out: str
    err: str


class Runner:
    """A process that has imported `command`, as `module:name`, and `package`, and runs it on request."""

    def __init__(self, command: str, package: str = "", limit: float = 60.0):
        self.limit = limit
        words = [sys.executable, __file__, command, *([package] if package else [])]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # threads that wait for a busy machine take minutes
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)

    def run(self, words: list[str], folder: Path, logs: Path) -> Result:
        """Call the command with these words in a folder; what it prints goes to two files named `logs`."""
        files = [str(logs.with_suffix(suffix)) for suffix in (".out", ".err")]
        asked = {"words": words, "folder": str(folder), "files": files, "limit": self.limit}
        self.process.stdin.write(json.dumps(asked).encode() + b"\n")
        self.process.stdin.flush()
        code, seconds = json.loads(self.process.stdout.readline())
        return Result(code, seconds, *(Path(file).read_text("utf-8", "replace") for file in files))

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def serve(command, answers) -> None:
    """Answer each line of standard input, by a fork; nothing may have started a thread before."""
    assert len(os.listdir("/proc/self/task")) == 1, "an import has started threads, which a fork would lose"
    for line in sys.stdin:
        asked = json.loads(line)
        start, child = time.perf_counter(), os.fork()
        if child == 0:
            _be_a_child(command, **asked)
        code = _wait(child, asked["limit"])
        answers.write(json.dumps([code, time.perf_counter() - start]) + "\n")
        answers.flush()


def _wait(child: int, limit: float) -> int | None:
    descriptor = os.pidfd_open(child)
    ended, _, _ = select.select([descriptor], [], [], limit)
    os.close(descriptor)
    with contextlib.suppress(ProcessLookupError):  # its own children too, whether it has ended or not
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if ended else None


def _be_a_child(command, words: list[str], folder: str, files: list[str], limit: float) -> None:
    """Like a fresh interpreter with these words on its command line; never returns."""
    os.setsid()
    code = 1
    try:
        for number, file in enumerate(["/dev/null", *files]):
            os.dup2(os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
        for stream in (sys.stdout, sys.stderr):  # as in a locale such as en_US.UTF-8
            stream.reconfigure(encoding="utf-8", errors="strict" if stream is sys.stdout else "backslashreplace")
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.chdir(folder)
        command.main(args=words, prog_name="regthesis")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _imported(command: str, package: str = ""):
    """The command, after all that it may import on its way, the tools of the book included."""
    module, _, name = command.partition(":")
    found = getattr(importlib.import_module(module), name)
    if package:
        path = importlib.import_module(package).__path__
        names = [module.name for module in pkgutil.walk_packages(path, f"{package}.")]
        for each in [*names, "jupytext", "papermill", "nbformat"]:
            with contextlib.suppress(ImportError):  # such as what needs a GPU
                importlib.import_module(each)
    return found


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "w") as pipe:
        os.dup2(2, 1)  # what imports print is no answer
        serve(_imported(*sys.argv[1:]), pipe)
