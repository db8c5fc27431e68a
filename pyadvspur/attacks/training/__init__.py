"""Adversarial training: enough to make a series of networks of your own. docs/training.md tells how.

recipe = attacks.Recipe("l2", 0.5, method="pgd", steps=3, epochs=20)
done = attacks.train(network, (x, y), recipe, out="runs/l2_0.5")     # the same call goes on after an interruption
done.network, done.history
"""

from __future__ import annotations

from pyadvspur.attacks.training.recipe import Recipe
from pyadvspur.attacks.training.trainer import Trained, train

__all__ = ["Recipe", "Trained", "train"]
