"""Scores of statsforecast's models on M4 Hourly, with the metrics of forecast_scores: sMAPE, MASE, OWA, CPU per series.

Run by bench_forecast with CF_PEERS=1; needs `pip install statsforecast numpy` in the environment of CF_PYTHON.
"""
import gzip
import sys
import time

import numpy as np
from statsforecast import models

HORIZON, SEASON = 48, 24


def rows(name):
    with gzip.open(f"{sys.argv[1]}/forecast/{name}.csv.gz", "rt") as lines:
        next(lines)
        return [np.array([float(v) for v in line.strip().split(",")[1:] if v]) for line in lines]


train, test = rows("m4_hourly_train"), rows("m4_hourly_test")
for name in ("SeasonalNaive", "DynamicOptimizedTheta", "AutoCES"):
    begin = time.process_time()
    smape = mase = 0
    for past, actual in zip(train, test):
        model = getattr(models, name)(season_length=SEASON)
        path = np.maximum(model.forecast(y=past, h=HORIZON)["mean"], 0)
        smape += np.mean(200 * np.abs(actual - path) / (np.abs(actual) + np.abs(path))) / len(train)
        mase += np.mean(np.abs(actual - path)) / np.mean(np.abs(past[SEASON:] - past[:-SEASON])) / len(train)
    cpu = (time.process_time() - begin) * 1000 / len(train)
    print(f"m4_hourly          statsforecast {name}: MASE {mase:.3f}, sMAPE {smape:.3f}, OWA {(smape / 18.383 + mase / 2.395) / 2:.4f}; {cpu:.2f} ms")
