"""The published table's drops and residuals, from outcome rows of as many images as it rests on."""

import json

import numpy as np
import pandas as pd

from pyadvspur import metrics
from pyadvspur.benchmarks.objectnet.benchmark import _measures

VAL, SHIFTED = 6250, 18514  # the table was made on the beta copy


def _rows(condition, accuracy, n, first):
    correct = np.arange(n) < round(accuracy / 100 * n)
    same = {"benchmark": "objectnet", "model": "m", "attack": "none", "eps": 0.0, "label": 0, "group": -1}
    return pd.DataFrame({"condition": condition, "correct": correct, "sample": np.arange(n) + first, **same})


def test_published_table(data_dir):
    facts = json.loads((data_dir / "facts" / "objectnet_reference.json").read_text())
    measures = {measure.name: measure for measure in _measures(("objectnet", "imagenet"))}
    assert len(facts["rows"]) > 20
    for row in facts["rows"]:
        reference = _rows("imagenet/125-way", row["val_on_objectnet_classes"], VAL, 0)
        rows = pd.concat([reference, _rows("objectnet/125-way", row["objectnet"], SHIFTED, VAL)])

        def value(name, rows=rows):
            return metrics.measure_estimate(measures[name], rows).value

        # half a unit of the last printed digit, and half an image
        assert abs(100 * value("effective robustness") - row["effective_robustness_points"]) < 0.01
        assert abs(100 * value("drop 125-way") - row["drop_points"]) < 0.01
        assert abs(value("relative drop 125-way") - row["relative_drop"]) < 0.0001
