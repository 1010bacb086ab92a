"""Evidently's text drift with its defaults on pairs of texts from standard input; run by its own Python, see run.py."""

from __future__ import annotations

import json
import sys
import time
import warnings
from statistics import median

warnings.simplefilter("ignore")

import evidently  # noqa: E402
import pandas as pd  # noqa: E402
from evidently.legacy.utils.data_drift_utils import calculate_text_drift_score  # noqa: E402

found, took = [], []
for pair in json.load(sys.stdin):
    began = time.perf_counter()
    # Its own choice for a text column: a percentile of random classifiers up to 1,000 reference rows.
    small = len(pair["reference"]) <= 1000
    _, drifted = calculate_text_drift_score(
        pd.Series(pair["reference"]), pd.Series(pair["window"]), bootstrap=small, p_value=0.05
    )
    took.append((time.perf_counter() - began) * 1000)
    found.append(bool(drifted))
json.dump({"version": evidently.__version__, "found": found, "ms": median(took)}, sys.stdout)
