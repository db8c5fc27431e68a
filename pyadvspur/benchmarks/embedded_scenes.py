"""Composing the embedded benchmark's images: real digits on real photographs, 32x32, exact masks.

A background is a crop of one of two photographs (scikit-learn's china.jpg and flower.jpg), made grey, averaged over
7x7 pixels and tinted; its *type* (0..9) says which photograph and which tint. A foreground is a scanned digit
(scikit-learn's `load_digits`), enlarged and added in white at low contrast. So the digit, the core, always tells the
label and carries little energy; the background's type can be made to agree with the label and carries much.

All arithmetic is integer, or float64 numpy operation by operation, so that images are the same on every machine.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, replace

import numpy as np
import torch

from pyadvspur.native import random
from pyadvspur.streams import COMPOSE, stream

SIZE = 32
N_TYPES = 10
N_TEST_DIGITS = 700
_SEED = 20220919  # of the benchmark itself: test images never change with a training seed
_BLUR = 7
_CONTRAST = 0.2  # of the digit
_TINT = 0.17  # length of a type's colour vector
_GREY = (0.24, 0.48)  # darkest value and range of the grey photographs
_ENLARGE = 2.75  # pixels of the image per pixel of a digit's scan

# Draws of one sample, by element. Sources that differ in one thing only (the background's type, say) share all others.
_AGREE, _TYPE, _ROW, _COLUMN, _FLIP, _ANGLE, _SCALE, _SHIFT_Y, _SHIFT_X, _SHEAR, _DIGIT = range(11)
_PARTNER_TYPE, _PARTNER_ROW, _PARTNER_COLUMN, _PARTNER_FLIP = range(12, 16)
_N_DRAWS = 16


@dataclass(frozen=True)
class Material:
    """What images are made from. digits: float64 (1797, 8, 8) in [0,1]; photos: float64 (2, H, W) in [0,1], grey and
    blurred; edge: first column of the photographs' test region; train, test: indices of digits, disjoint."""

    digits: np.ndarray
    labels: np.ndarray
    photos: np.ndarray
    edge: int
    train: np.ndarray
    test: np.ndarray
    sha256: str


@functools.cache
def material() -> Material:
    """Digits and photographs, split once and for all into training and test material."""
    from sklearn.datasets import load_digits, load_sample_images

    scans = load_digits()
    digits = scans.images.astype(np.uint8)
    photos = np.stack(load_sample_images().images)
    order = random.draw(torch.arange(len(digits)), 1, "uniform", _SEED, stream(COMPOSE, 1))[:, 0].argsort(
        stable=True
    )
    grey = photos.astype(np.int64) @ np.array([299, 587, 114])
    edge = int(photos.shape[2] * 0.6)
    return Material(
        digits=digits / 16.0,
        labels=scans.target.astype(np.int64),
        photos=_box_sum(grey, _BLUR) / (255_000.0 * _BLUR**2),
        edge=edge,
        train=np.sort(order[N_TEST_DIGITS:].numpy()),
        test=order[:N_TEST_DIGITS].numpy(),
        sha256=hashlib.sha256(digits.tobytes() + photos.tobytes()).hexdigest(),
    )


def _box_sum(values: np.ndarray, width: int) -> np.ndarray:
    """Sums over width x width windows; entry (r, c) is centred there, borders repeat the edge. Exact in integers."""
    half = width // 2
    total = np.pad(values, ((0, 0), (half, half), (half, half)), mode="edge").cumsum(1).cumsum(2)
    total = np.pad(total, ((0, 0), (1, 0), (1, 0)))
    return (
        total[:, width:, width:]
        - total[:, :-width, width:]
        - total[:, width:, :-width]
        + total[:, :-width, :-width]
    )


@functools.cache
def tints() -> np.ndarray:
    """Colour of each type, (10, 3): five hues for each photograph, the second's turned by half a step and darker."""
    grey = np.ones(3) / np.sqrt(3)
    red = np.array([2.0, -1.0, -1.0]) / np.sqrt(6)
    green = np.array([0.0, 1.0, -1.0]) / np.sqrt(2)
    rows = []
    for kind in range(N_TYPES):
        photo, hue = divmod(kind, 5)
        turn = 2 * np.pi * (hue / 5 + photo / 10)
        chroma = np.cos(turn) * red + np.sin(turn) * green
        rows.append(_TINT * (0.9 * chroma + np.sqrt(1 - 0.81) * (grey if photo == 0 else -grey)))
    return np.stack(rows)


@dataclass(frozen=True)
class Scenes:
    """Everything that decides B images; arrays of length B. kind: the background's type, -1 = flat grey.
    visible: whether the digit is there. contrast: what the types' colours are multiplied by, one number."""

    ids: np.ndarray
    digit: np.ndarray
    label: np.ndarray
    kind: np.ndarray
    row: np.ndarray
    column: np.ndarray
    flip: np.ndarray
    angle: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    shear: np.ndarray
    visible: np.ndarray
    train: bool
    draws: np.ndarray
    contrast: float = 1.0


def draw_scenes(ids: np.ndarray, train: bool) -> Scenes:
    """Scenes whose backgrounds agree with their labels. Test sample i shows test digit i; training samples choose."""
    source = material()
    u = random.draw(torch.as_tensor(ids), _N_DRAWS, "uniform", _SEED, stream(COMPOSE, 0)).double().numpy()
    digit = source.train[_pick(u[:, _DIGIT], len(source.train))] if train else source.test[ids]
    label = source.labels[digit]
    return Scenes(
        ids=ids,
        digit=digit,
        label=label,
        kind=label,
        row=u[:, _ROW],
        column=u[:, _COLUMN],
        flip=u[:, _FLIP] < 0.5,
        angle=np.deg2rad(16 * u[:, _ANGLE] - 8),
        scale=0.9 + 0.2 * u[:, _SCALE],
        shift=6 * u[:, [_SHIFT_Y, _SHIFT_X]] - 3,
        shear=np.zeros(len(ids)),
        visible=np.ones(len(ids), bool),
        train=train,
        draws=u,
    )


def _pick(u: np.ndarray, n: int) -> np.ndarray:
    return np.minimum((u * n).astype(np.int64), n - 1)


def agree_with(scenes: Scenes, probability: float) -> Scenes:
    """With this probability the type is the label's own, else any type at random (its own included)."""
    agree = scenes.draws[:, _AGREE] < probability
    return replace(scenes, kind=np.where(agree, scenes.label, _pick(scenes.draws[:, _TYPE], N_TYPES)))


def disagree(scenes: Scenes) -> Scenes:
    """The type is any other than the label's own."""
    return replace(scenes, kind=(scenes.label + 1 + _pick(scenes.draws[:, _TYPE], N_TYPES - 1)) % N_TYPES)


def place_with(scenes: Scenes, probability: float) -> Scenes:
    """With this probability the type is the label's own, else its counterpart from the other photograph."""
    agree = scenes.draws[:, _AGREE] < probability
    return replace(scenes, kind=np.where(agree, scenes.label, (scenes.label + 5) % N_TYPES))


def reframe(scenes: Scenes) -> Scenes:
    """Other viewpoints and framings than any in training: turned by 12 to 28 degrees, sheared, smaller or larger,
    further from the middle."""
    u = scenes.draws
    turn, size = 2 * u[:, _ANGLE] - 1, 2 * u[:, _SCALE] - 1
    return replace(
        scenes,
        angle=np.deg2rad(np.where(turn < 0, 16 * turn - 12, 16 * turn + 12)),
        scale=np.where(size < 0, 0.9 + 0.15 * size, 1.1 + 0.1 * size),
        shift=8 * u[:, [_SHIFT_Y, _SHIFT_X]] - 4,
        shear=0.4 * u[:, _SHEAR] - 0.2,
    )


def partners(scenes: Scenes) -> Scenes:
    """Scenes without a digit, of another type, to take backgrounds from."""
    u = scenes.draws
    return replace(
        scenes,
        kind=(scenes.kind + 1 + _pick(u[:, _PARTNER_TYPE], N_TYPES - 1)) % N_TYPES,
        row=u[:, _PARTNER_ROW],
        column=u[:, _PARTNER_COLUMN],
        flip=u[:, _PARTNER_FLIP] < 0.5,
        visible=np.zeros(len(u), bool),
    )


def compose(scenes: Scenes) -> tuple[np.ndarray, np.ndarray]:
    """images uint8 (B, 32, 32, 3) and masks uint8 (B, 32, 32), 255 where the digit adds anything at all."""
    strokes = _digits(scenes) * scenes.visible[:, None, None]
    image = _backgrounds(scenes) + _CONTRAST * strokes[..., None]
    return np.rint(255 * image.clip(0, 1)).astype(np.uint8), np.where(strokes > 0, 255, 0).astype(np.uint8)


def crop_corners(scenes: Scenes) -> tuple[np.ndarray, np.ndarray]:
    """Top row and left column of each background in its photograph. Training crops lie left of the edge and test crops
    right of it, both far enough that no blurred pixel mixes the two."""
    source = material()
    _, height, width = source.photos.shape
    margin = _BLUR // 2 + 1
    first, last = (0, source.edge - margin) if scenes.train else (source.edge + margin, width)
    return _pick(scenes.row, height - SIZE + 1), first + _pick(scenes.column, last - first - SIZE + 1)


def _backgrounds(scenes: Scenes) -> np.ndarray:
    top, left = crop_corners(scenes)
    steps = np.arange(SIZE)
    columns = np.where(scenes.flip[:, None], steps[::-1], steps) + left[:, None]
    rows = steps + top[:, None]
    kind = scenes.kind.clip(0)
    grey = material().photos[kind[:, None, None] // 5, rows[:, :, None], columns[:, None, :]]
    tinted = (_GREY[0] + _GREY[1] * grey)[..., None] + scenes.contrast * tints()[kind][:, None, None, :]
    return np.where(scenes.kind[:, None, None, None] < 0, 0.5, tinted)


def _digits(scenes: Scenes) -> np.ndarray:
    """Opacity of the strokes, (B, 32, 32): each output pixel looks up its place in the 8x8 scan, bilinearly."""
    offset = np.arange(SIZE) - (SIZE - 1) / 2
    y = offset[None, :, None] - scenes.shift[:, 0, None, None]
    x = offset[None, None, :] - scenes.shift[:, 1, None, None]
    cos, sin, factor, shear = (
        v[:, None, None]
        for v in (np.cos(scenes.angle), np.sin(scenes.angle), 1 / (_ENLARGE * scenes.scale), scenes.shear)
    )
    u, v = (cos * x + sin * y) * factor, (cos * y - sin * x) * factor
    u, v = (
        u + shear * v + 4.5,
        v + 4.5,
    )  # 3.5 is the middle of the scan, and one pixel of border is added below
    left, top = np.floor(u).astype(np.int64).clip(0, 8), np.floor(v).astype(np.int64).clip(0, 8)
    a, b = (u - left).clip(0, 1), (v - top).clip(0, 1)
    scan = np.pad(material().digits, ((0, 0), (1, 1), (1, 1)))
    at = scenes.digit[:, None, None]
    upper = (1 - a) * scan[at, top, left] + a * scan[at, top, left + 1]
    lower = (1 - a) * scan[at, top + 1, left] + a * scan[at, top + 1, left + 1]
    # Faint borders of the scan are cut off, so that the mask is the stroke and not its halo.
    return (2 * ((1 - b) * upper + b * lower) - 0.5).clip(0, 1)
