"""What a classifier's outputs mean on a benchmark."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from pyadvspur.errors import bad

NO_CLASS = -1  # an output that competes but belongs to no class: predicting it is always wrong
NOT_COMPETING = -2  # an output that the restricted argmax never sees


def _vector(where: str, name: str, value: Sequence[int] | torch.Tensor) -> torch.Tensor:
    vector = torch.as_tensor(value)
    if vector.dim() != 1 or not len(vector) or vector.dtype.is_floating_point or vector.dtype == torch.bool:
        raise bad(where, name, f"{vector.dtype} {tuple(vector.shape)}", "a non-empty list of integers")
    return vector.to("cpu", torch.int64).clone()


def _check_classes(where: str, classes: torch.Tensor) -> torch.Tensor:
    if classes.min() < NO_CLASS or classes.max() < 0:
        got = f"values from {int(classes.min())} to {int(classes.max())}"
        raise bad(
            where, "classes", got, "class numbers >= 0 and -1 for outputs of no class, at least one class"
        )
    return classes


@dataclass(frozen=True, eq=False, repr=False)
class LabelMap:
    """The class of each output, and which outputs compete.

    classes: int64 (K,), the class of each competing output, -1 = no class (always wrong). outputs: None when all K
    outputs compete, else int64 (K,), the indices of those that do. Make one with `identity`, `many_to_one` or
    `restricted`.
    """

    classes: torch.Tensor
    outputs: torch.Tensor | None = None
    total: int | None = None
    _codes: dict = field(default_factory=dict)

    @classmethod
    def identity(cls, n: int) -> LabelMap:
        """Output i is class i."""
        if n < 1:
            raise bad("LabelMap.identity", "n", n, "an integer >= 1")
        return cls(torch.arange(n))

    @classmethod
    def many_to_one(cls, classes: Sequence[int] | torch.Tensor) -> LabelMap:
        """classes[i] is the class of output i, -1 where it has none. Example: 1,000 ImageNet outputs to 9 classes."""
        where = "LabelMap.many_to_one"
        return cls(_check_classes(where, _vector(where, "classes", classes)))

    @classmethod
    def restricted(
        cls,
        outputs: Sequence[int] | torch.Tensor,
        classes: Sequence[int] | torch.Tensor | None = None,
        n_outputs: int | None = None,
    ) -> LabelMap:
        """Only these outputs compete. classes: the class of each of them, in order (default 0, 1, 2, ...).

        n_outputs: how many outputs the model has; None takes any number that contains them.
        """
        where = "LabelMap.restricted"
        outputs = _vector(where, "outputs", outputs)
        if outputs.min() < 0 or len(outputs.unique()) != len(outputs):
            raise bad(where, "outputs", outputs.tolist()[:12], "different indices >= 0")
        if n_outputs is not None and outputs.max() >= n_outputs:
            raise bad(
                where, "outputs", f"index {int(outputs.max())}", f"indices below n_outputs = {n_outputs}"
            )
        classes = torch.arange(len(outputs)) if classes is None else _vector(where, "classes", classes)
        if len(classes) != len(outputs):
            raise bad(where, "classes", f"{len(classes)} entries", f"one for each of {len(outputs)} outputs")
        return cls(_check_classes(where, classes), outputs, n_outputs)

    @property
    def n_outputs(self) -> int:
        """Outputs the model must have; at least so many if restricted without n_outputs."""
        if self.outputs is None:
            return len(self.classes)
        return self.total or int(self.outputs.max()) + 1

    @property
    def n_classes(self) -> int:
        return int(self.classes.max()) + 1

    def accepts(self, n_outputs: int) -> bool:
        """Whether logits of this width fit the map."""
        if self.outputs is not None and self.total is None:
            return n_outputs >= self.n_outputs
        return n_outputs == self.n_outputs

    def codes(self, n_outputs: int, device: torch.device | str = "cpu") -> torch.Tensor:
        """int32 (n_outputs,): class of each output, -1 no class, -2 not competing. Kept per device."""
        if not self.accepts(n_outputs):
            raise bad("LabelMap", "logits", f"{n_outputs} outputs", f"{self.n_outputs} outputs ({self!r})")
        known = self._codes.get((n_outputs, str(device)))
        if known is None:
            if self.outputs is None:
                known = self.classes.to(torch.int32)
            else:
                known = torch.full((n_outputs,), NOT_COMPETING, dtype=torch.int32)
                known[self.outputs] = self.classes.to(torch.int32)
            known = self._codes[n_outputs, str(device)] = known.to(device)
        return known

    def class_logits(self, logits: torch.Tensor) -> torch.Tensor:
        """(B, K) logits to (B, n_classes) or, where outputs of no class compete, (B, n_classes + 1): the best logit
        of each class, differentiable, no class last. Argmax and margins agree with `native.score.score`."""
        codes = self.codes(logits.shape[1], logits.device).long()
        none = bool((self.classes == NO_CLASS).any())
        if self.outputs is None and not none and torch.equal(self.classes, torch.arange(len(self.classes))):
            return logits
        if self.outputs is not None:
            outputs = self.outputs.to(logits.device)
            logits, codes = logits[:, outputs], codes[outputs]
        codes = torch.where(codes < 0, self.n_classes, codes)
        empty = logits.new_full((len(logits), self.n_classes + none), -torch.inf)
        return empty.scatter_reduce(1, codes.expand_as(logits), logits, "amax", include_self=False)

    def key(self) -> str:
        """A stable name for hashes: the same map gives the same text on every machine."""
        kind = "many_to_one" if self.outputs is None else "restricted"
        if self.outputs is None and torch.equal(self.classes, torch.arange(len(self.classes))):
            return f"identity({len(self.classes)})"
        parts = [self.classes.tolist(), None if self.outputs is None else self.outputs.tolist(), self.total]
        return f"{kind}({len(self.classes)}->{self.n_classes},{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]})"

    def __repr__(self) -> str:
        return f"LabelMap.{self.key()}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LabelMap) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())
