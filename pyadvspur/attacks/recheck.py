"""An independent judge of adversarial points: a plain float32 forward, the ball and the box, nothing of the attacks.

It shares no code with the search: distances, predictions and the reading of outputs are written again, in the plainest
way, so that a mistake there cannot hide itself here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pyadvspur.attacks.points import Points
from pyadvspur.errors import bad

if TYPE_CHECKING:
    import pandas

#: room for rounding in "inside the ball", relative to the radius
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Rechecked:
    """rows: one a claim: id, label, eps, distance, in_ball, in_box, prediction, margin (best wrong class minus the
    right one, in logits), confirmed. curve: one row a radius: eps, accuracy claimed, accuracy confirmed, n."""

    rows: pandas.DataFrame
    curve: pandas.DataFrame

    @property
    def refuted(self) -> int:
        """Claims that do not hold."""
        return int((~self.rows["confirmed"]).sum())


def recheck(model: Callable, points: Points, batch_size: int = 16, device: str = "cpu") -> Rechecked:
    """Judge every claim: the model in eval mode, in float32, must misread a point inside ball and box.

    model: pixels in [0,1] -> logits (B, K). batch_size: images a call, the last call filled up; attacks judge with 16
    on the CPU, and a point that lies on the decision boundary to the last bit may fall on its other side with another
    number. A claim of radius 0 must be the clean image itself. Logits that are not finite confirm nothing.
    """
    import pandas as pd

    if batch_size < 1:
        raise bad("attacks.recheck", "batch_size", batch_size, "an integer >= 1")
    logits = _logits(model, points.x_adv, batch_size, device)
    if len(logits) and logits.shape[1] <= int(points.y.max()):
        takes = f"more than {int(points.y.max())}, the largest label"
        raise bad("attacks.recheck", "model", f"{logits.shape[1]} classes", takes)
    right = logits.gather(1, points.y[:, None])[:, 0]
    wrong = logits.scatter(1, points.y[:, None], -torch.inf).amax(1) if len(logits) else right
    prediction = logits.argmax(1)
    finite = ~logits.isnan().any(1) & ~(logits == torch.inf).any(1) & right.isfinite()
    far = _distance(points.x_adv.double() - points.x.double(), points.norm)
    in_ball = far <= points.eps * (1 + TOLERANCE)
    flat = points.x_adv.flatten(1)
    in_box = ((flat >= 0) & (flat <= 1)).all(1) if len(flat) else torch.zeros(0, dtype=torch.bool)
    confirmed = finite & in_ball & in_box & (prediction != points.y)
    rows = pd.DataFrame(
        {
            "id": points.ids.numpy(), "label": points.y.numpy(), "eps": points.eps.numpy(), "distance": far.numpy(),
            "in_ball": in_ball.numpy(), "in_box": in_box.numpy(), "prediction": prediction.numpy(),
            "margin": (wrong - right).numpy(), "confirmed": confirmed.numpy(),
        }
    )  # fmt: skip
    radii = torch.tensor(points.radii, dtype=torch.float64)
    claimed = (points.eps[None] <= radii[:, None]).sum(1).double()
    held = ((points.eps[None] <= radii[:, None]) & confirmed[None]).sum(1).double()
    n = max(points.n, 1)
    curve = {"eps": radii, "accuracy_claimed": 1 - claimed / n, "accuracy_confirmed": 1 - held / n}
    return Rechecked(rows, pd.DataFrame({**{k: v.double().numpy() for k, v in curve.items()}, "n": points.n}))


def _logits(model: Callable, x: torch.Tensor, batch_size: int, device: str) -> torch.Tensor:
    """float32 logits of classes on the CPU. Modes are put back."""
    modules = list(model.modules()) if isinstance(model, torch.nn.Module) else []
    training = [module for module in modules if module.training]
    for module in training:
        module.training = False
    found = []
    try:
        with torch.no_grad(), torch.autocast(device.split(":")[0], enabled=False):
            for part in x.split(batch_size) if len(x) else ():
                filled = torch.cat([part, part[:1].expand(batch_size - len(part), *part.shape[1:])])
                found.append(_answer(model, filled.to(device)).float().cpu()[: len(part)])
    finally:
        for module in training:
            module.training = True
    return torch.cat(found) if found else torch.zeros(0, 1)


def _answer(model: Callable, x: torch.Tensor) -> torch.Tensor:
    """Logits. Large images come channels last on the CPU, as in attacks: the other layout has other last bits."""
    if x.dim() == 4 and x[0].numel() > 3 * 64 * 64 and not x.is_cuda:
        try:
            return model(x.contiguous(memory_format=torch.channels_last))
        except RuntimeError as error:
            if "view size is not compatible" not in str(error):
                raise
    return model(x)


def class_logits(model: Callable, points: Points) -> Callable:
    """The model with its outputs read by the points' label map: the best logit of each class, "no class" last."""
    label_map = points.label_map
    if label_map is None:
        return model

    def read(x: torch.Tensor) -> torch.Tensor:
        logits = model(x)
        outputs = range(logits.shape[1]) if label_map.outputs is None else label_map.outputs.tolist()
        if label_map.outputs is None and len(label_map.classes) != logits.shape[1]:
            takes = f"{len(label_map.classes)}, as the points were made with"
            raise bad("attacks.recheck", "model", f"{logits.shape[1]} outputs", takes)
        columns: dict[int, list[int]] = {k: [] for k in (*range(label_map.n_classes), -1)}
        for output, number in zip(outputs, label_map.classes.tolist()):
            columns[number].append(output)
        best = [
            logits[:, mine].amax(1) if mine else torch.full((len(logits),), -torch.inf)
            for mine in columns.values()
        ]
        return torch.stack([part.to(logits) for part in best], 1)

    return read


def _distance(delta: torch.Tensor, norm: str) -> torch.Tensor:
    flat = delta.flatten(1)
    if not flat.numel():
        return flat.new_zeros(len(flat))
    return torch.linalg.vector_norm(flat, {"linf": torch.inf, "l2": 2, "l1": 1}[norm], dim=1)
