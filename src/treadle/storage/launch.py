"""Run PostgreSQL as a child that dies with us and never as root: `python -m treadle.storage.launch PARENT FOLDER PROGRAM ARGS…`.

PostgreSQL refuses to run as root. The usual way out adds an operating-system account. We do not: as root we first enter
a user namespace in which our own id looks like `nobody`, so the files stay root's and nothing is left behind. Where the
kernel forbids that (some containers), we give FOLDER to `nobody` and become it for good; then the folders above must let others
pass through. Linux kills the child when its parent dies; elsewhere a stale server is found and stopped at the next start.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import stat
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000  # linux/sched.h
PR_SET_PDEATHSIG = 1  # linux/prctl.h
EXIT_NOT_PERMITTED = 77  # sysexits.h, EX_NOPERM


def main() -> None:
    """Drop what must be dropped, then become the program."""
    parent, folder, program, *arguments = sys.argv[1:]
    if os.geteuid() == 0:
        _leave_root(Path(folder))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != int(parent):
            sys.exit("the process that started PostgreSQL is gone")
    os.execv(program, [program, *arguments])


def _leave_root(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    if _enter_user_namespace(nobody.pw_uid, nobody.pw_gid):
        return
    for above in folder.absolute().parents:
        if not above.stat().st_mode & stat.S_IXOTH:
            sys.stderr.write(
                f"PostgreSQL cannot run as root, user namespaces are not allowed here, and '{above}' keeps the account "
                f"'nobody' out; put the workspace elsewhere (TREADLE_WORKSPACE=/var/lib/treadle), run as another user, "
                f"or use a server: treadle up --database URL\n"
            )
            sys.exit(EXIT_NOT_PERMITTED)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)


def _enter_user_namespace(uid: int, gid: int) -> bool:
    if sys.platform != "linux":
        return False
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
        return False
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {outer_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {outer_gid} 1")
    return True


if __name__ == "__main__":
    main()
