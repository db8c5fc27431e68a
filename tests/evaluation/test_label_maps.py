"""Conditions that differ only in their label map: one forward, each its own reading, alone or attacked."""

import torch
from toys import Toy

from pyadvspur import evaluation, masking
from pyadvspur.benchmarks.base import Condition
from pyadvspur.evaluation import samples
from pyadvspur.labels import LabelMap
from pyadvspur.metrics import Measure


class TwoMaps(Toy):
    """All of four outputs compete, or only the first three."""

    name = "two maps"
    conditions = (
        Condition("open", "agrees", label_map="open"),
        Condition("closed", "agrees", label_map="closed"),
        Condition("closed, noise", "agrees", masking.noise("foreground", std=0.2), label_map="closed"),
    )
    attacked = ("open", "closed")
    measures = (Measure("accuracy", "accuracy open", condition="open"),)
    frame = (255, 0, 0)

    def label_map(self, n_outputs, name=""):
        if name == "open":
            return LabelMap.many_to_one([0, 1, 2, -1])
        return LabelMap.restricted([0, 1, 2], n_outputs=n_outputs)


class OneMap(TwoMaps):
    name = "one map"
    conditions = TwoMaps.conditions[1:]
    attacked = ()
    measures = ()


class Net(torch.nn.Module):
    """The nearest of four levels of brightness; the fourth, between the others, is no class of the benchmark."""

    def __init__(self):
        super().__init__()
        self.levels = torch.nn.Parameter(torch.tensor([0.22, 0.29, 0.38, 0.33]))
        self.seen = []

    def forward(self, x):
        self.seen.append(len(x))
        return -100 * (x.mean((1, 2, 3))[:, None] - self.levels) ** 2

    def __deepcopy__(self, memo):  # one worker, so that calls can be counted
        raise TypeError


def test_one_forward_two_readings(tmp_path):
    bench, net = TwoMaps(), Net()
    run = evaluation.evaluate({"net": net}, [bench], out=tmp_path / "run", progress=False)
    one, alone = OneMap(), Net()
    evaluation.evaluate({"net": alone}, [one], out=tmp_path / "one", progress=False)
    assert sum(net.seen) == sum(alone.seen)  # the second reading of the same images costs no forward
    rows = run.outcomes().pivot(index="sample", columns="condition", values="prediction")
    batch = bench.read("agrees", 0, bench.size("agrees"))
    with torch.no_grad():
        logits = net(masking.render(batch.images, None, [masking.clean()])[0])
    order = batch.ids.argsort()
    whole = logits.argmax(1)[order]
    assert rows["open"].tolist() == torch.where(whole == 3, -1, whole).tolist()
    assert rows["closed"].tolist() == logits[:, :3].argmax(1)[order].tolist()
    assert (rows["open"] != rows["closed"]).any()


def test_attacks_use_the_map_of_their_condition(tmp_path):
    run = evaluation.evaluate(
        {"net": Net()}, [TwoMaps()], ["linf:0.001,0.05"], out=tmp_path / "run", limit=40, progress=False
    )
    rows = run.outcomes()
    small = rows[(rows["attack"] != "none") & (rows["eps"] == 0.001)]
    share = small.groupby("condition", observed=True)["correct"].mean()
    assert share["open"] < share["closed"]  # the fourth output wins nothing in the closed reading
    assert set(small.loc[small["condition"] == "closed", "prediction"]) <= {0, 1, 2}


def test_a_frame_is_drawn_and_equal_looks_are_shown_once(tmp_path):
    import io

    from PIL import Image

    bench = TwoMaps()
    strip = Image.open(io.BytesIO(samples.strip(bench, bench.conditions[0], 0))).convert("RGB")
    pixels = torch.frombuffer(bytearray(strip.tobytes()), dtype=torch.uint8).view(
        strip.height, strip.width, 3
    )
    side = bench.input_size + 2
    assert strip.height == side
    red = torch.tensor([255, 0, 0], dtype=torch.uint8)
    for edge in (pixels[0, :side], pixels[side - 1, :side], pixels[:, 0], pixels[:, side - 1]):
        assert (edge == red).all()
    assert not (pixels[1:-1, 1 : side - 1] == red).all(-1).any()
    # pages may show wide strips at a third of their width: the border is as much wider
    rows = torch.zeros(112, 6, 112, 3, dtype=torch.uint8)
    wide = samples._framed(rows, (255, 0, 0))
    assert wide.shape == (118, 6, 118, 3)
    assert (wide[:3] == red).all()
    assert not wide[3:-3, :, 3:-3].any()
    evaluation.evaluate({"net": Net()}, [bench], out=tmp_path / "run", limit=4, progress=False)
    assert len(list((tmp_path / "run").rglob("*.png"))) == 2
