"""The forest beside scikit-learn and LightGBM: same rows, same features, one thread each, in one run.

forest_peers.py LIBRARY DATA
    LIBRARY  the kernels of src/forecast as a shared library (bench_forest makes it)
    DATA     a folder with dandi_s3_by_asset.csv.gz, dandi_s3_assets.csv.gz and dandi_s3_by_day.csv.gz (asset, days, bytes; asset, dandiset,
             path, bytes before; dandiset, date, bytes)

Label: days with a read in the seven days after T (0, 1, at least 2). Split by object (70 : 30 by a hash of its number), and across
time (learned at T - 7, told at T; data sets by weeks: learned from 2022-07 to 2024-06, told until 2025-06). Seconds are CPU seconds of this process.
"""
import csv
import ctypes as c
import datetime
import gzip
import os
import sys
import time

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"
import numpy as np

DAY0 = datetime.date(2025, 7, 10)


class Params(c.Structure):
    _fields_ = [("seed", c.c_uint64), ("trees", c.c_int), ("max_depth", c.c_int), ("min_leaf_rows", c.c_int), ("features_per_split", c.c_int),
                ("bins", c.c_int), ("classes", c.c_int), ("log_target", c.c_bool), ("balanced", c.c_bool), ("class_weights", c.c_void_p)]


class Rows(c.Structure):
    _fields_ = [("count", c.c_size_t), ("features", c.c_int), ("values", c.c_void_p), ("categorical", c.c_void_p), ("targets", c.c_void_p),
                ("keys", c.c_void_p)]


class Ours:
    """cf_forest_grow and cf_forest_predict; structs that Python need not look into are blocks of bytes."""
    lib = None

    def __init__(self, seed=1, **params):
        self.params = Params(seed=seed, **{"features_per_split": 0, "bins": 255, **params})
        self.arenas = [c.create_string_buffer(256) for _ in range(2)]
        self.forest = c.create_string_buffer(4096)
        self.err = c.create_string_buffer(8192)
        for arena in self.arenas:
            self.lib.cf_arena_init(arena, c.byref(c.c_char.in_dll(self.lib, "cf_arena_malloc")), c.c_size_t(1 << 20), c.c_size_t(0))

    def rows(self, x, y=None, categorical=None):
        self.held = (np.ascontiguousarray(x, np.float32), None if y is None else np.ascontiguousarray(y, np.float64),
                     None if categorical is None else np.ascontiguousarray(categorical, np.bool_))
        pointers = [a.ctypes.data if a is not None else None for a in self.held]
        return Rows(len(x), x.shape[1], pointers[0], pointers[2], pointers[1], None)

    def fit(self, x, y, categorical=None):
        rows = self.rows(x, y, categorical)
        if not self.lib.cf_forest_grow(c.byref(self.params), c.byref(rows), self.arenas[0], self.arenas[1], None, self.forest, self.err):
            sys.exit("cf_forest_grow failed: " + repr(self.err.raw[5:200]))
        self.lib.cf_arena_free(self.arenas[1])
        return self

    def predict_proba(self, x, raw=False):
        outputs = max(1, self.params.classes)
        out = np.empty((len(x), outputs))
        rows = self.rows(x)
        if not self.lib.cf_forest_predict(self.forest, c.byref(rows), c.c_bool(raw), None, c.c_void_p(out.ctypes.data), None, self.err):
            sys.exit("cf_forest_predict failed")
        return out

    def __del__(self):
        for arena in self.arenas:
            self.lib.cf_arena_free(arena)


def load(folder):
    """Bytes per object and day, and what is known of each object."""
    number, bytes_before, dandiset, path = {}, [], [], []
    with gzip.open(os.path.join(folder, "dandi_s3_assets.csv.gz"), "rt") as file:
        for row in csv.DictReader(file):
            number[row["asset"]] = len(number)
            bytes_before.append(float(row["bytes_sent_until_2025_07_09"] or -1))
            dandiset.append(row["dandiset"])
            path.append(row["path"])
    days = np.zeros((len(number), 31))
    with gzip.open(os.path.join(folder, "dandi_s3_by_asset.csv.gz"), "rt") as file:
        for row in csv.DictReader(file):
            last = (datetime.date.fromisoformat(row["last_log_day"]) - DAY0).days
            days[number[row["asset"]], last] += float(row["bytes_sent"])
    return np.array(bytes_before), np.unique(dandiset, return_inverse=True)[1], path, days


def features(bytes_before, dandiset, days, t):
    """18 features of the objects known at the end of day t, and their labels."""
    seen = days[:, :t + 1]
    first = np.where(seen.any(1), (seen > 0).argmax(1), 99)
    known = (bytes_before >= 0) | (first <= t)
    read = seen > 0
    columns = [np.log1p(np.maximum(bytes_before, 0)), np.where(bytes_before >= 0, 60, t - first)]
    for window in (1, 3, 7, 14, 30):
        columns += [read[:, -window:].sum(1), np.log1p(seen[:, -window:].sum(1))]
    columns.append(np.where(read.any(1), read[:, ::-1].argmax(1), 99))
    size = np.bincount(dandiset, known)[dandiset]
    columns.append(np.log1p(size))
    for window in (1, 7):
        columns.append(np.bincount(dandiset, known * read[:, -window:].any(1))[dandiset] / np.maximum(size, 1))
    columns.append(np.log1p(np.bincount(dandiset, seen[:, -7:].sum(1))[dandiset]))
    columns.append(np.bincount(dandiset, known * (read[:, -7:].sum(1) >= 2))[dandiset] / np.maximum(size, 1))
    label = np.minimum((days[:, t + 1:t + 8] > 0).sum(1), 2)
    return np.stack(columns, 1).astype(np.float32)[known], label[known], np.flatnonzero(known)


def load_sets(folder):
    """Bytes per data set and day, and the first day."""
    number, rows = {}, []
    with gzip.open(os.path.join(folder, "dandi_s3_by_day.csv.gz"), "rt") as file:
        for row in csv.DictReader(file):
            rows.append((number.setdefault(row["dandiset"], len(number)), datetime.date.fromisoformat(row["date"]), float(row["bytes_sent"])))
    first = min(day for _, day, _ in rows)
    days = np.zeros((len(number), (max(day for _, day, _ in rows) - first).days + 1))
    for n, day, sent in rows:
        days[n, (day - first).days] += sent
    return days, first


def set_features(days, t):
    """Features of the data sets that were read until day t, and their labels."""
    seen = days[:, :t + 1]
    read = seen > 0
    known = read.any(1)
    age = t - read.argmax(1)
    recency = read[:, ::-1].argmax(1)
    columns = [age, recency]
    for window in (1, 3, 7, 14, 30, 90):
        columns += [read[:, -window:].sum(1), np.log1p(seen[:, -window:].sum(1))]
    columns += [read[:, -7:].sum(1) / 7 - read[:, -28:-7].sum(1) / 21, np.log1p(seen[:, -30:].max(1)), read.sum(1) / (age + 1)]
    label = np.minimum((days[:, t + 1:t + 8] > 0).sum(1), 2)
    return np.stack(columns, 1).astype(np.float32)[known], label[known]


def scores(p, y, classes):
    from sklearn.metrics import f1_score, log_loss, roc_auc_score
    told = p.argmax(1)
    p = np.clip(p, 1e-15, 1)
    return [(told == y).mean(), f1_score(y, told, average="macro"), log_loss(y, p / p.sum(1, keepdims=True), labels=range(classes)),
            roc_auc_score(y > 0, 1 - p[:, 0])]


def cpu(call):
    begin = time.process_time()
    result = call()
    return result, time.process_time() - begin


def gaps(p, y):
    """How far the share of right answers lies from the mean confidence, at most, in ten bins of equal mass."""
    confidence, right = p.max(1), p.argmax(1) == y
    order = np.argsort(confidence, kind="stable")
    return max(abs(confidence[part].mean() - right[part].mean()) for part in np.array_split(order, 10))


def table(title, models, x, y, x_test, y_test):
    print(f"\n{title}: {len(x)} rows to learn from, {len(x_test)} to tell, {x.shape[1]} features\n")
    print("| method | accuracy | macro F1 | macro F1 of votes | log-loss | AUC | gap of confidence | fit, CPU s | told rows/s |\n|---|---|---|---|---|---|---|---|---|")
    share = np.bincount(y, minlength=3) / len(y)
    models = [("class shares", None, None)] + models
    for name, make, tell in models:
        if make is None:
            p, fit, told = np.tile(share, (len(y_test), 1)), 0, 0
            votes = p
        else:
            model, fit = cpu(lambda: make().fit(x, y))
            p, told = cpu(lambda: model.predict_proba(x_test))
            votes = model.predict_proba(x_test, raw=True) if isinstance(model, Ours) else p
            del model
        s = scores(p, y_test, 3)
        f1 = scores(votes, y_test, 3)[1]
        speed = f"{len(x_test) / told:,.0f}" if told else ""
        print(f"| {name} | {s[0]:.4f} | {s[1]:.3f} | {f1:.3f} | {s[2]:.4f} | {s[3]:.3f} | {gaps(p, y_test):.3f} | {fit:.2f} | {speed} |", flush=True)


def reliability(make, x, y, x_test, y_test):
    p = make().fit(x, y).predict_proba(x_test)
    confidence, right = p.max(1), p.argmax(1) == y_test
    order = np.argsort(confidence, kind="stable")
    print("\n| bin of confidence | predictions | mean confidence | share of right ones |\n|---|---|---|---|")
    for i, part in enumerate(np.array_split(order, 10)):
        print(f"| {i + 1} | {len(part)} | {confidence[part].mean():.3f} | {right[part].mean():.3f} |", flush=True)


def speed(models, x, y):
    rng = np.random.default_rng(1)
    pick = rng.integers(0, len(x), 100000)
    x, y = x[pick] + rng.normal(0, 1e-3, (100000, x.shape[1])).astype(np.float32), y[pick]
    print("\nSpeed, 100,000 rows, 100 trees, one thread\n")
    print("| method | fit, CPU s | rows x trees/s | told rows/s |\n|---|---|---|---|")
    for name, make, _ in models:
        model, fit = cpu(lambda: make().fit(x, y))
        told = min(cpu(lambda: model.predict_proba(x))[1] for _ in range(3))
        print(f"| {name} | {fit:.2f} | {1e7 / fit:,.0f} | {1e5 / told:,.0f} |", flush=True)
        del model


def main():
    from lightgbm import LGBMClassifier
    from sklearn.ensemble import RandomForestClassifier
    Ours.lib = c.CDLL(sys.argv[1])
    Ours.lib.cf_forest_grow.restype = Ours.lib.cf_forest_predict.restype = c.c_bool
    loaded = load(sys.argv[2])
    before, dandiset, _, days = loaded
    t = (datetime.date(2025, 8, 2) - DAY0).days
    x, y, number = features(before, dandiset, days, t)
    train = (number * 2654435761 % 2**32) / 2**32 < 0.7

    def ours(**params):
        return lambda: Ours(**{"trees": 100, "max_depth": 64, "min_leaf_rows": 1, "classes": 3, **params})

    def theirs(**params):
        return lambda: RandomForestClassifier(n_estimators=100, n_jobs=1, random_state=1, **params)

    forests = [
        ("scikit-learn, fully grown", theirs(), 1), ("ours, fully grown", ours(), 1),
        ("scikit-learn, leaf 5", theirs(min_samples_leaf=5), 1), ("ours, leaf 5", ours(min_leaf_rows=5), 1),
        ("scikit-learn, leaf 20, depth 12", theirs(min_samples_leaf=20, max_depth=12), 1),
        ("ours, leaf 20, depth 12", ours(min_leaf_rows=20, max_depth=12), 1),
    ]
    balanced = [("scikit-learn, leaf 20, depth 12, balanced", theirs(min_samples_leaf=20, max_depth=12, class_weight="balanced"), 1),
                ("ours, leaf 20, depth 12, balanced", ours(min_leaf_rows=20, max_depth=12, balanced=True), 1)]
    boosted = [("LightGBM, 200 x 63 leaves", lambda: LGBMClassifier(n_estimators=200, num_leaves=63, learning_rate=0.05, n_jobs=1, verbose=-1,
                                                                    deterministic=True, seed=1), 1)]
    table("Split by object", forests + balanced + boosted, x[train], y[train], x[~train], y[~train])
    x_old, y_old, _ = features(before, dandiset, days, t - 7)
    table("Across time, from before the crawler wave into it", forests[4:] + balanced[1:] + boosted, x_old, y_old, x, y)
    days, first = load_sets(sys.argv[2])
    begin = (datetime.date(2022, 7, 1) - first).days
    middle, end = ((datetime.date(year, 7, 1) - first).days for year in (2024, 2025))
    old, new = ([set_features(days, t) for t in range(a, b, 7)] for a, b in ((begin, middle - 7), (middle, end)))
    old, new = ([np.concatenate(part) for part in zip(*rows)] for rows in (old, new))
    table("Data sets, learned from two calm years, told in the next", forests[2:] + balanced[1:] + boosted, old[0], old[1], new[0], new[1])
    reliability(ours(min_leaf_rows=20, max_depth=12), old[0], old[1], new[0], new[1])
    speed(forests[:2] + forests[4:] + boosted, x, y)


if __name__ == "__main__":
    main()
