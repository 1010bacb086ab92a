"""The process that renders Jinja prompts: `python -m treadle.prompts.jinja_child PARENT MEGABYTES`, a JSON line in, one out.

It has a ceiling on its memory and ends with its parent. Whoever asks counts the time and ends it when that is over: in a
process of its own nothing that a template does can hold up requests. Templates are kept compiled, the newest hundred.
"""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from typing import Any

from jinja2 import UndefinedError

from treadle.jobs.child import die_with_parent
from treadle.prompts.jinja import environment

MAX_OUTPUT = 1_000_000
"""Characters of one message."""


@lru_cache(maxsize=100)
def _compiled(template: str) -> Any:
    return environment().from_string(template)


def answer(line: str) -> dict[str, Any]:
    """Return {"texts": …}, or {"missing": …} or {"fault": …}."""
    asked = json.loads(line)
    texts = []
    try:
        for template in asked["templates"]:
            pieces, size = [], 0
            for piece in _compiled(template).generate(asked["variables"]):
                size += len(piece)
                if size > MAX_OUTPUT:
                    return {"fault": f"it says more than {MAX_OUTPUT:,} characters"}
                pieces.append(piece)
            texts.append("".join(pieces))
    except UndefinedError as error:
        return {"missing": str(error.message)}
    except MemoryError:
        return {"fault": "it needs more memory than a prompt may have"}
    except Exception as error:  # the border of foreign code: a filter given what it is not for may raise anything
        return {"fault": f"{type(error).__name__}: {str(error)[:300]}"}
    return {"texts": texts}


def main() -> None:
    """Answer until standard input ends."""
    die_with_parent(int(sys.argv[1]))
    if sys.platform == "linux":
        import resource

        limit = int(sys.argv[2]) * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    environment()
    for line in sys.stdin:
        try:
            said = json.dumps(answer(line))
        except MemoryError:
            said = json.dumps({"fault": "it needs more memory than a prompt may have"})
        print(said, flush=True)


if __name__ == "__main__":
    main()
