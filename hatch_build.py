"""Names a wheel after this machine and this Python where the tree holds machine code, as tools/compiled.py makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Hook(BuildHookInterface[Any]):
    """Looks for machine code among what goes into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Say what the wheel fits."""
        source = Path(self.root, "src")
        shared = list(source.glob("*.so"))  # what the modules have in common; they themselves lie in the package
        if shared:
            build_data["pure_python"], build_data["infer_tag"] = False, True
            build_data["force_include"].update({str(file): file.name for file in shared})
