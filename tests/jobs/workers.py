"""What child processes do in the tests of jobs: real functions in a real process."""

from __future__ import annotations

import os
import sys
import time

from treadle.core.errors import InvalidInput, MissingExtra
from treadle.core.types import JsonObject
from treadle.jobs.child import Report


def double(spec: JsonObject, report: Report) -> JsonObject:
    """Double a number, with a word, a point and progress on the way; prints noise as libraries do."""
    print("noise on standard output")
    report.log("doubling")
    report.metric("loss", 1, 0.5)
    report.progress(0.5, "half way")
    return {"number": int(str(spec["number"])) * 2, "pid": os.getpid()}


def refuse(spec: JsonObject, report: Report) -> JsonObject:
    """Refuse as a slice would."""
    raise InvalidInput("row 3 is empty; fill it or drop it", code="try.empty_row", row=3)


def lack(spec: JsonObject, report: Report) -> JsonObject:
    """Find that an optional part is not installed."""
    raise MissingExtra("train", needed_for="fine-tuning")


def mumble(spec: JsonObject, report: Report) -> JsonObject:
    """Say what no database keeps as it is, then fail in such words."""
    for text in ("a\0b", "c\ud800d", "clear"):
        report.log(text)
        time.sleep(0.4)
    raise InvalidInput("row \0 is odd", code="try.odd")


def die(spec: JsonObject, report: Report) -> JsonObject:
    """End without a word, as a process does that runs out of memory."""
    sys.stderr.write("last words\n")
    sys.stderr.flush()
    os.kill(os.getpid(), 9)
    raise AssertionError


def sleep(spec: JsonObject, report: Report) -> JsonObject:
    """Take long."""
    report.log("sleeping")
    time.sleep(60)
    return {}
