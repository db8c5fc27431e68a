"""Independent computations of every metric, image by image in plain Python, sharing no code with the package."""

from math import exp, log


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def outcome_of_images(rows, column="correct"):
    """sample -> mean outcome over its rows; rows are dictionaries."""
    by_sample = {}
    for row in rows:
        by_sample.setdefault(row["sample"], []).append(float(row[column]))
    return {sample: mean(values) for sample, values in by_sample.items()}


def accuracy(rows, conditions, average="images", column="correct"):
    chosen = [row for row in rows if row["condition"] in conditions]
    outcomes = outcome_of_images(chosen, column)
    if average == "images":
        return mean(outcomes.values())
    labels = {row["sample"]: row["label"] for row in chosen}
    classes = sorted(set(labels.values()))
    return mean(mean(v for s, v in outcomes.items() if labels[s] == c) for c in classes)


def ratio(better, worse):
    middle = (better + worse) / 2
    if middle in (0, 1):
        return 0.0
    return (better - worse) / (2 * min(middle, 1 - middle))


def rfs(rows, fg, bg, average="classes"):
    return ratio(accuracy(rows, bg, average), accuracy(rows, fg, average))


def irfs(rows, fg, bg):
    one = outcome_of_images([r for r in rows if r["condition"] in bg], "probability")
    two = outcome_of_images([r for r in rows if r["condition"] in fg], "probability")
    return mean(ratio(one[s], two[s]) for s in one)


def groups(rows, condition):
    chosen = [row for row in rows if row["condition"] == condition and row["group"] >= 0]
    outcomes = outcome_of_images(chosen)
    group = {row["sample"]: row["group"] for row in chosen}
    return {g: mean(v for s, v in outcomes.items() if group[s] == g) for g in set(group.values())}


def effective_robustness(reference, shifted, slope, intercept):
    return shifted - 1 / (1 + exp(-(slope * log(reference / (1 - reference)) + intercept)))


def mcnemar(b, c):
    """Two-sided exact p by counting outcomes of fair coins."""
    n, k = b + c, min(b, c)
    row = [1]
    for _ in range(n):
        row = [x + y for x, y in zip([0, *row], [*row, 0])]
    return min(1.0, 2 * sum(row[: k + 1]) / 2**n)
