"""RIVAL10's ten classes, each of two ImageNet classes, and how many images of each there are.

Source: the class and split tables of Moayeri, Pope, Balaji & Feizi, CVPR 2022 (RIVAL10), joined with ILSVRC2012's
class indices. The classes are CIFAR-10's, in another order.
"""

from __future__ import annotations

from typing import NamedTuple

CLASSES = ("truck", "car", "plane", "ship", "cat", "dog", "equine", "deer", "frog", "bird")


class Synset(NamedTuple):
    """One ImageNet class: RIVAL10's label, ImageNet's index, images by split, and how many of them ImageNet calls
    validation images (all others are its training images)."""

    wnid: str
    label: int
    output: int
    train: int
    test: int
    train_val: int
    test_val: int


SYNSETS = (
    Synset("n03796401", 0, 675, 952, 238, 40, 10),
    Synset("n04467665", 0, 867, 1066, 267, 42, 7),
    Synset("n02814533", 1, 436, 1066, 267, 39, 10),
    Synset("n03100240", 1, 511, 1065, 267, 41, 9),
    Synset("n02690373", 2, 404, 1059, 265, 40, 10),
    Synset("n04552348", 2, 895, 1064, 267, 42, 8),
    Synset("n03095699", 3, 510, 1063, 266, 40, 10),
    Synset("n03673027", 3, 628, 1064, 267, 42, 8),
    Synset("n02123394", 4, 283, 1065, 267, 42, 8),
    Synset("n02124075", 4, 285, 1068, 267, 41, 9),
    Synset("n02099601", 5, 207, 1062, 266, 38, 11),
    Synset("n02099712", 5, 208, 1065, 267, 38, 11),
    Synset("n02389026", 6, 339, 1065, 267, 41, 9),
    Synset("n02391049", 6, 340, 1064, 267, 37, 13),
    Synset("n02422699", 7, 352, 1064, 267, 36, 13),
    Synset("n02423022", 7, 353, 1060, 266, 43, 6),
    Synset("n01644373", 8, 31, 1065, 267, 39, 9),
    Synset("n01644900", 8, 32, 1068, 267, 38, 11),
    Synset("n01531178", 9, 11, 1064, 266, 38, 11),
    Synset("n01532829", 9, 12, 1069, 268, 34, 15),
)
#: wnid -> its place in SYNSETS
PLACES = {synset.wnid: place for place, synset in enumerate(SYNSETS)}
