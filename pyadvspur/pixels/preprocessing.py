"""Named preprocessing: which pixels of a file become which pixels of the model's square input.

A name is a chain of steps, joined by "+", in this order, each at most once:

| step | does |
|---|---|
| border2 | cuts 2 pixels from every side |
| exact-224 | refuses images that are not 224x224 |
| pil-bilinear-256-224 | shorter side to 256 (longer: int(256 * longer / shorter)), centre crop of 224 |
| pil-bilinear-256x256-224 | resizes to 256x256, whatever the aspect, centre crop of 224 |
| pil-bilinear-224x224 | resizes to 224x224, whatever the aspect |
| pil12-bilinear-... | the same three, as Pillow before 13 computed them |

Sizes are torchvision's: `Resize` truncates the longer side, `CenterCrop` rounds half to even. Filter and rounding are
Pillow's (antialiased triangle, 8-bit fixed point), which is what torchvision does to a PIL image. A name means one
arithmetic, whatever Pillow is installed: Pillow 13 resizes columns before rows where height loses more than twice the
pixels that width does, earlier ones never, and the results can differ by one level of 255.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pyadvspur.errors import AdvSpurError, bad

_STEPS = re.compile(
    r"(?:border(?P<border>\d+))?"
    r"(?:\+?exact-(?P<exact>\d+))?"
    r"(?:\+?pil(?P<old>12)?-bilinear-(?:(?P<square>\d+)x(?P<again>\d+)(?:-(?P<cut>\d+))?|(?P<short>\d+)-(?P<crop>\d+)))?"
)
_KNOWN = "pil-bilinear-256-224, pil-bilinear-256x256-224, pil-bilinear-224x224, exact-224, border2+..."


class Geometry(NamedTuple):
    """What happens to an image of one size, in pixels: cut `border` from each side, resize to height x width, take
    the square of the output's side that begins at (top, left)."""

    border: int
    height: int
    width: int
    top: int
    left: int


@dataclass(frozen=True)
class Preprocessing:
    """A named preprocessing; make one with `preprocessing(name)`.

    name: its canonical name. size: height and width of what it gives. border: pixels cut first. exact: the side an
    image must have, or None. resize: the side resized to, or None. square: whether aspect is given up.
    order: of the two passes, "pillow13" or "pillow12".
    """

    name: str
    size: int
    border: int = 0
    exact: int | None = None
    resize: int | None = None
    square: bool = False
    order: str = "pillow13"

    def geometry(self, height: int, width: int) -> Geometry:
        """For an image of height x width. Raises AdvSpurError for sizes that this preprocessing refuses."""
        inner = (height - 2 * self.border, width - 2 * self.border)
        if min(inner) < 1:
            raise AdvSpurError(
                f"the image is {height}x{width}, too small for a border of {self.border} to be cut"
            )
        if self.exact is not None and inner != (self.exact, self.exact):
            raise AdvSpurError(
                f"the image is {inner[0]}x{inner[1]}, {self.name!r} takes {self.exact}x{self.exact}"
            )
        if self.resize is None:
            return Geometry(self.border, *inner, 0, 0)
        if self.square:
            to = (self.resize, self.resize)
        elif inner[0] <= inner[1]:
            to = (self.resize, int(self.resize * inner[1] / inner[0]))
        else:
            to = (int(self.resize * inner[0] / inner[1]), self.resize)
        # Python's round, as torchvision's CenterCrop: half to even
        return Geometry(self.border, *to, round((to[0] - self.size) / 2), round((to[1] - self.size) / 2))

    def image(self, rgb: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """uint8 (H, W, 3) to uint8 (size, size, 3); into `out` if given."""
        return self._apply(_checked(rgb, "image", 3), out)

    def mask(self, mask: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """uint8 (H, W) to uint8 (size, size): same geometry, same filter, not made binary again."""
        return self._apply(_checked(mask, "mask", 2), out)

    def scaled(self, side: int) -> Preprocessing:
        """The same at another output side, everything in proportion: pil-bilinear-256-224 at 32 is
        pil-bilinear-37-32. What is said of the file (border, exact) stays."""
        if isinstance(side, bool) or not isinstance(side, int) or side < 1:
            raise bad("pixels", "side", repr(side), "an integer >= 1")
        if side == self.size:
            return self
        first = [f"border{self.border}"] * bool(self.border) + [f"exact-{self.exact}"] * bool(self.exact)
        if self.resize is None:
            last = f"{self._filter}-{side}x{side}"
        else:
            resize = max(side, round(self.resize * side / self.size))
            if self.square:
                last = f"{self._filter}-{resize}x{resize}" + f"-{side}" * (resize != side)
            else:
                last = f"{self._filter}-{resize}-{side}"
        return preprocessing("+".join([*first, last]))

    @property
    def _filter(self) -> str:
        return "pil12-bilinear" if self.order == "pillow12" else "pil-bilinear"

    def _apply(self, pixels: np.ndarray, out: np.ndarray | None) -> np.ndarray:
        from pyadvspur.native.resize import resize

        g = self.geometry(*pixels.shape[:2])
        inner = pixels[g.border : pixels.shape[0] - g.border, g.border : pixels.shape[1] - g.border]
        return resize(
            inner, g.height, g.width, top=g.top, left=g.left, out_height=self.size, out_width=self.size, out=out,
            order=self.order,
        )  # fmt: skip


def preprocessing(name: str | Preprocessing) -> Preprocessing:
    """A preprocessing by name, see the table above. Raises AdvSpurError for names that mean none."""
    if isinstance(name, Preprocessing):
        return name
    found = _STEPS.fullmatch(name) if isinstance(name, str) and name else None
    if not found:
        raise bad("pixels.preprocessing", "name", repr(name), f"a name such as {_KNOWN}")
    order = "pillow12" if found["old"] else "pillow13"
    number = {key: int(value) for key, value in found.groupdict().items() if value is not None}
    border, exact = number.get("border", 0), number.get("exact")
    if "square" in number:
        resize, square = number["square"], True
        size = number.get("cut", resize)
        if number["again"] != resize:
            raise bad("pixels.preprocessing", "name", repr(name), "equal sides, for example 224x224")
    elif "short" in number:
        resize, square, size = number["short"], False, number["crop"]
    else:
        resize, square, size = None, False, exact or 0
    steps = [f"border{border}"] * bool(border) + [f"exact-{exact}"] * bool(exact)
    if resize is not None:
        cut = "" if square and size == resize else f"-{size}"
        steps.append(f"pil{found['old'] or ''}-bilinear-{resize}{f'x{resize}' * square}{cut}")
    if not size or "+".join(steps) != name or (resize is not None and size > resize):
        raise bad("pixels.preprocessing", "name", repr(name), f"a name such as {_KNOWN}")
    return Preprocessing(name, size, border, exact, resize, square, order)


def _checked(pixels: np.ndarray, name: str, dims: int) -> np.ndarray:
    shape = "(H, W, 3)" if dims == 3 else "(H, W)"
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.ndim != dims
        or (dims == 3 and pixels.shape[2] != 3)
        or 0 in pixels.shape
    ):
        got = f"{pixels.dtype} {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise bad("pixels", name, got, f"uint8 {shape} of at least one pixel")
    return pixels
