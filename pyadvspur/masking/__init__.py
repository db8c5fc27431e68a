"""Variants of images, and rendering batches of them.

variants = masking.Variants([masking.clean(), masking.noise("foreground", std=0.25)])
out = masking.render(images, masks, variants, ids=ids, seed=0, trial=0)   # (V,B,3,H,W)
"""

from pyadvspur.masking.partners import choose_partners
from pyadvspur.masking.render import render, render_counted
from pyadvspur.masking.variants import Variant, Variants, clean, fill, noise, parse, swap

__all__ = [
    "Variant",
    "Variants",
    "choose_partners",
    "clean",
    "fill",
    "noise",
    "parse",
    "render",
    "render_counted",
    "swap",
]
