"""A helper pool (fakes/pool_run) over any program, for integration tests."""

import os
import subprocess
import tempfile
from collections import namedtuple

from channel import BUILD, equal

POOL_RUN = os.path.join(BUILD, "test", "pool_run")
FAKE_HELPER = os.path.join(BUILD, "test", "fake_helper")
TIMEOUT_S = 120

Answer = namedtuple("Answer", "result text message pairs")
Outcome = namedtuple("Outcome", "answers figures log")


def start(program, folder, **options):
    """A running pool_run; the log is folder/debug.log."""
    options["log"] = os.path.join(folder, "debug.log")
    words = [f"{key}={value}" for key, value in options.items()]
    return subprocess.Popen([POOL_RUN, *words, "--", *program],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            encoding="latin-1")


def pairs(fields):
    return dict(field.split("=", 1) for field in fields)


def finish(process, folder, requests=""):
    """What came of it; fails when anything is left open."""
    output, _ = process.communicate(requests, timeout=TIMEOUT_S)
    equal(process.returncode, 0, "pool_run's exit status")
    answers, figures = {}, {}
    for line in output.splitlines():
        name, *fields = line.split("\t")
        if name == "figures":
            figures = {key: int(value)
                       for key, value in pairs(fields).items()}
        elif name == "left":
            equal(pairs(fields), {"descriptors": "0", "children": "0"},
                  "left open")
        elif fields[0] == "refused":
            answers[int(name)] = Answer("refused", fields[1], "", {})
        else:
            answers[int(name)] = Answer(*fields[:3], pairs(fields[3:]))
    with open(os.path.join(folder, "debug.log"), encoding="latin-1") as file:
        log = file.read()
    return Outcome([answers[key] for key in sorted(answers)], figures, log)


def ask(program, lines, **options):
    """Ask a pool these lines at once."""
    with tempfile.TemporaryDirectory(prefix="squire-pool-") as folder:
        process = start(program, folder, **options)
        return finish(process, folder, "".join(f"{line}\n" for line in lines))
