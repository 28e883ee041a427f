"""Does an instruction's text tell whether the response follows it?  The probe of the label leak.

Reads draws {"type", "record", "truth", "direction", "number", "text"}; direction is 1 or -1, number 0 or more.
Features: direction, log(1 + number), their product, direction times its square, and the hashed word 1- to 3-grams of the wording.  A logistic
regression, out of fold by record, per type.  Prints {type: {"draws", "true", "auc", "auc_numbers"}}: all features, and
the first four alone.
"""
import json
import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: small fits, and the machine is shared
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict


def auc(features, truth, records):
    folds = GroupKFold(n_splits=5)
    model = LogisticRegression(C=1.0, max_iter=200, tol=1e-3, solver="liblinear")
    scores = cross_val_predict(model, features, truth, groups=records, cv=folds, method="decision_function")
    return float(roc_auc_score(truth, scores))


def main():
    draws = {}
    for line in open(sys.argv[1], encoding="utf-8"):
        row = json.loads(line)
        draws.setdefault(row["type"], []).append(row)
    out = {}
    words = HashingVectorizer(analyzer="word", ngram_range=(1, 3), n_features=2**16, token_pattern=r"[^\s]+", norm="l2")
    for type_, rows in sorted(draws.items()):
        truth = np.array([r["truth"] for r in rows])
        records = np.array([r["record"] for r in rows])
        direction = np.array([r["direction"] for r in rows], dtype=float)
        number = np.log1p(np.array([r["number"] for r in rows], dtype=float))
        number = (number - number.mean()) / (number.std() + 1e-9)
        plain = sparse.csr_matrix(np.stack([direction, number, direction * number, direction * number**2], axis=1))
        grams = words.transform([r["text"] for r in rows])
        out[type_] = {"draws": len(rows), "true": float(truth.mean()),
                      "auc": auc(sparse.hstack([plain, grams]).tocsr(), truth, records),
                      "auc_numbers": auc(plain, truth, records)}
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    main()
