"""Signs that a model's gradients mislead an attack, so that it looks more robust than it is: counts, and what they say.

Not to be confused with `pyadvspur.masking`, which hides parts of images. Source of the signs: Athalye, Carlini & Wagner
2018, "Obfuscated gradients"; Croce & Hein 2020, AutoAttack's own checks. Here without torch: reports read these counts.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

SHARE = 0.1  # of the samples; a sign on fewer of them is no warning


@dataclass(frozen=True)
class GradientReport:
    """Counts over the samples that are right without an attack.

    samples: how many those are. zero_gradients: on how many of them a gradient was zero or not finite at least once (a
    random direction stood in for it). nonfinite: samples, of all, whose clean logits are not finite. saturated: the
    label's softmax probability rounds to 1 in float32, where plain cross-entropy has little or no gradient left; the
    losses here are not affected, other tools are. searched: on how many a gradient attack ran all its steps in vain.
    flat: of those, how many whose loss never rose above where it began. black_box_only: broken by an attack without
    gradients (Square) after every attack with gradients had failed.
    """

    samples: int = 0
    zero_gradients: int = 0
    nonfinite: int = 0
    saturated: int = 0
    searched: int = 0
    flat: int = 0
    black_box_only: int = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """One clause for each sign that is strong enough to doubt a robust accuracy; logits that are not finite have
        a warning of their own.
        """
        said = []
        if self.zero_gradients > SHARE * self.samples:
            said.append(f"no gradient on {self.zero_gradients} of {self.samples} samples")
        if self.flat > SHARE * self.samples:
            said.append(f"a loss that never rose on {self.flat} of {self.searched} samples searched in vain")
        if self.black_box_only > max(SHARE / 10 * self.samples, 1):
            said.append(f"{self.black_box_only} samples broken only without gradients")
        return tuple(said)

    @property
    def text(self) -> str:
        """One line, or "" where nothing speaks against the gradients."""
        said = "; ".join(self.warnings)
        return f"gradients may mislead, the true robustness may be far lower: {said}" if said else ""

    def __add__(self, other: GradientReport) -> GradientReport:
        """Of two batches together."""
        return GradientReport(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))
