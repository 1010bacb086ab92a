"""Makes a copy of the package in which the gateway's request path is machine code: mypyc compiles the very modules that
run as Python everywhere else.

    python tools/compiled.py build/compiled

The copy is complete: run what is in it with PYTHONPATH=build/compiled/src, or make a wheel of it, which is then one for
this machine's kind and this Python's version. Needs a C compiler and the development environment; takes some minutes.
Nothing is compiled in place, where it would hide what is edited.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
GATEWAY = (
    "alike", "app", "asking", "assign", "attempt", "attempts", "compose", "counting", "exchange", "outgoing", "pool",
    "record", "recorder", "reply", "replying", "reserving", "sending", "sse", "table", "template", "transport", "watching", "wire",
    "limits/limiter", "limits/refusing", "limits/reservation", "limits/slices",
    "protocols/transcript",
    "routing/breaker", "routing/budget", "routing/estimates", "routing/fleet", "routing/health", "routing/recent",
)  # fmt: skip
SERVER = ("connection", "heads", "turn")
MODULES = tuple(f"treadle/gateway/{name}.py" for name in GATEWAY) + tuple(
    f"treadle/server/{name}.py" for name in SERVER
)
"""What every request goes through. Two kinds of modules stay as they are: those with an asynchronous
generator, which mypyc does not take, and those with a Struct that JSON is read into: compiled, it forgets its fields' types."""
BESIDE = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE")
"""What a wheel is made of, beside the package."""
SPEED = {"MYPYC_OPT_LEVEL": "3", "MYPYC_DEBUG_LEVEL": "0"}


def main() -> None:
    """Make the copy where the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the copy goes; a new one")
    compile_to(parser.parse_args().folder)


def compile_to(folder: Path) -> None:
    """Make the copy. Raises SystemExit for a folder that holds something, and saying what the compiler said."""
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"'{folder}' already holds something; name a new folder, or remove it first")
    source = folder / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    for name in BESIDE:
        shutil.copy2(ROOT / name, folder / name)
    done = subprocess.run(
        [sys.executable, "-m", "mypyc", *MODULES],
        cwd=source, env={**os.environ, **SPEED}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        sys.exit(f"the request path does not compile; mypyc said:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    shutil.rmtree(source / "build")


if __name__ == "__main__":
    main()
