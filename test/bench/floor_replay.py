"""What the floor per object is worth: weeks of real reads, told by a forest that is trained every 4 weeks, with and without it.

floor_replay.py DATA
    DATA    a folder with dandi_s3_by_day.csv.gz (dandiset, date, bytes_sent) and wikipedia_es_crawler_daily.csv.gz (page, reads per day)

The rule is that of objects_below_floor(): over 4 to 8 measured weeks the model's errors exceed those of the better simple method by the margin, and the
model was worse in most of them. A week is measured a week after it ended.
"""
import csv
import datetime
import gzip
import os
import sys

import numpy as np
from sklearn.ensemble import RandomForestRegressor


def features(days, sums, t):
    """What is known of each series at the beginning of day t."""
    read = days > 0
    columns = [np.log1p(sums[:, t] - sums[:, t - k]) for k in (1, 3, 7, 14, 28, 56, 90)]
    columns += [read[:, t - k:t].sum(1) for k in (7, 28, 90)]
    columns += [(sums[:, t] - sums[:, t - 7]) / 7 - (sums[:, t - 7] - sums[:, t - 28]) / 21, np.log1p(days[:, t - 30:t].max(1)),
                np.log1p(sum(days[:, t - 7 * k] for k in (1, 2, 3, 4)))]
    return np.stack(columns, 1)


def errors(days):
    """Absolute errors of the 7-day totals, weeks x objects: model, seasonal naive, median 28."""
    sums = np.cumsum(np.concatenate([np.zeros((len(days), 1)), days], 1), 1)
    told, naive, median, came = [], [], [], []
    for i, t in enumerate(range(max(140, days.shape[1] - 420), days.shape[1] - 7, 7)):
        if i % 4 == 0:
            before = [t - 14 - 7 * k for k in range(4)]
            model = RandomForestRegressor(60, max_depth=12, min_samples_leaf=20, max_features=0.34, n_jobs=1, random_state=1)
            model.fit(np.concatenate([features(days, sums, b) for b in before]), np.log1p(np.concatenate([days[:, b:b + 7].sum(1) for b in before])))
        told.append(np.expm1(model.predict(features(days, sums, t))))
        naive.append(sums[:, t] - sums[:, t - 7])
        median.append(7 * np.median(days[:, t - 28:t], 1))
        came.append(days[:, t:t + 7].sum(1))
    return [np.abs(np.array(x) - np.array(came)) for x in (told, naive, median)]


def replay(name, days):
    model, naive, median = errors(days)
    for margin in (1.0, 1.1, 1.25, 1.5):
        served = floored = 0
        for i in range(10, len(model)):
            past = slice(i - 9, i - 1)
            by_naive = naive[past].sum(0) <= median[past].sum(0)
            simple = np.where(by_naive, naive[past], median[past])
            below = (model[past].sum(0) > margin * simple.sum(0)) & (2 * (model[past] > simple).sum(0) > len(simple))
            served += np.where(below, np.where(by_naive, naive[i], median[i]), model[i]).sum()
            floored += below.sum()
        weeks = model[10:]
        print(f"| {name} | {margin} | {floored / weeks.size:.3f} | {served / weeks.sum():.4f} | {naive[10:].sum() / weeks.sum():.4f} | {median[10:].sum() / weeks.sum():.4f} |",
              flush=True)


def main():
    folder = sys.argv[1]
    sets = {}
    with gzip.open(os.path.join(folder, "dandi_s3_by_day.csv.gz"), "rt") as file:
        for row in csv.DictReader(file):
            sets.setdefault(row["dandiset"], set()).update([row["date"]] if float(row["bytes_sent"]) > 0 else [])
    dates = [(datetime.date(2023, 6, 1) + datetime.timedelta(i)).isoformat() for i in range(780)]
    dandi = np.array([[float(date in seen) for date in dates] for seen in sets.values()])
    with gzip.open(os.path.join(folder, "wikipedia_es_crawler_daily.csv.gz"), "rt") as file:
        pages = np.array([[float(x or 0) for x in row[1:]] for row in list(csv.reader(file))[1:]])
    print("| set | margin | served by a simple method | error served / model | seasonal naive / model | median 28 / model |\n|---|---|---|---|---|---|")
    replay("DANDI data sets", dandi[dandi[:, :300].any(1)])
    replay("Wikipedia pages", pages)


if __name__ == "__main__":
    main()
