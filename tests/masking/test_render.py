"""The public door: formulas as a reader would write them, one noise for all variants, bad input."""

from __future__ import annotations

import math

import pytest
import torch

from pyadvspur import AdvSpurError, masking
from pyadvspur.native.random import draw
from pyadvspur.streams import NOISE, stream

G = torch.Generator().manual_seed(5)
IMAGES = torch.randint(0, 256, (3, 24, 20, 3), dtype=torch.uint8, generator=G)
MASKS = torch.rand(3, 24, 20, generator=G)
PARTNERS = IMAGES.flip(0)
IDS = torch.tensor([4, 9, 11])
X, P, M = IMAGES.permute(0, 3, 1, 2) / 255, PARTNERS.permute(0, 3, 1, 2) / 255, MASKS[:, None]


def _z(seed: int, trial: int) -> torch.Tensor:
    return draw(IDS, X[0].numel(), "normal", seed, stream(NOISE, trial)).reshape(X.shape)


def _render(names, **options):
    return masking.render(IMAGES, MASKS, names, **{"ids": IDS, "partners": PARTNERS, **options})


def test_formulas():
    z = _z(3, 2)
    expected = {
        "clean": X,
        "noise(foreground,std=0.25)": X + 0.25 * M * z,
        "noise(background,std=0.25)": X + 0.25 * (1 - M) * z,
        "noise(everywhere,std=0.5)": X + 0.5 * z,
        "noise(background,l2=9)": X + 9 * (1 - M) * z / ((1 - M) * z).flatten(1).norm(dim=1).view(3, 1, 1, 1),
        "noise(everywhere,l2=9)": X + 9 * z / z.flatten(1).norm(dim=1).view(3, 1, 1, 1),
        "fill(background,0.5)": M * X + (1 - M) * 0.5,
        "fill(foreground,1)": (1 - M) * X + M,
        "swap(background)": M * X + (1 - M) * P,
    }
    out = _render(list(expected), seed=3, trial=2)
    for row, (name, value) in zip(out, expected.items()):
        torch.testing.assert_close(row, value.clamp(0, 1), rtol=0, atol=2e-6, msg=name)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
    scaled = _render(list(expected), seed=3, trial=2, mean=mean, std=std)
    view = (torch.tensor(v).view(3, 1, 1) for v in (mean, std))
    torch.testing.assert_close(scaled, (out - next(view)) / next(view), rtol=1e-6, atol=1e-6)


def test_l2_noise_has_its_norm_before_the_clamp():
    grey = torch.full((2, 3, 32, 32), 0.5)
    (out,) = masking.render(grey, None, "noise(everywhere,l2=2)")
    norms = (out - grey).flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, torch.full((2,), 2.0), rtol=1e-5, atol=0)


def test_noise_depends_on_seed_trial_and_id():
    one = _render("noise(everywhere,std=0.1)")
    assert not torch.equal(one, _render("noise(everywhere,std=0.1)", trial=1))
    assert not torch.equal(one, _render("noise(everywhere,std=0.1)", seed=1))
    assert not torch.equal(one, _render("noise(everywhere,std=0.1)", ids=IDS + 1))
    together = _render(["clean", "noise(everywhere,std=0.1)", "noise(foreground,std=0.1)"])
    assert torch.equal(together[1], one[0])


def test_empty_regions_are_counted():
    masks = MASKS.clone()
    masks[1], masks[2] = 0, 1
    out, empty = masking.render_counted(
        IMAGES,
        masks,
        ["noise(foreground,l2=5)", "noise(background,l2=5)", "noise(foreground,std=5)"],
        ids=IDS,
    )
    assert empty.tolist() == [[False, True, False], [False, False, True], [False, False, False]]
    assert torch.equal(out[0, 1], X[1])
    assert torch.equal(out[1, 2], X[2])


def test_mask_types_agree():
    hard = MASKS > 0.5
    names = ["noise(foreground,std=0.2)", "fill(background,0)"]
    expected = masking.render(IMAGES, hard, names, ids=IDS)
    for masks in (hard.to(torch.uint8) * 255, hard.float(), hard.double(), hard.half()):
        assert torch.equal(masking.render(IMAGES, masks, names, ids=IDS), expected)


def test_masks_and_partners_are_needed_only_where_used():
    assert (
        masking.render(IMAGES, None, ["clean", "noise(everywhere,l2=1)", "fill(everywhere,0)"]).shape[0] == 3
    )
    with pytest.raises(AdvSpurError, match="masks"):
        masking.render(IMAGES, None, "fill(background,0)")
    with pytest.raises(AdvSpurError, match="partners"):
        masking.render(IMAGES, MASKS, "swap(background)")


@pytest.mark.parametrize("b", [0, 1])
def test_small_batches(b):
    out, empty = masking.render_counted(
        IMAGES[:b], MASKS[:b], ["clean", "noise(foreground,l2=1)"], channels_last=True
    )
    assert out.shape == (2, b, 3, 24, 20)
    assert empty.shape == (2, b)
    if b:
        assert torch.equal(out[0], X[:1])


def test_a_result_can_be_written_into_an_earlier_one():
    kept = _render(["clean", "noise(foreground,std=0.2)"])
    again = _render(["clean", "noise(foreground,std=0.2)"], trial=1, out=kept)
    assert again is kept
    assert torch.equal(kept, _render(["clean", "noise(foreground,std=0.2)"], trial=1))
    for wrong in (kept[:1], kept.double(), kept.transpose(3, 4)):
        with pytest.raises(AdvSpurError, match="out"):
            _render(["clean", "noise(foreground,std=0.2)"], out=wrong)


NAN = X.clone()
NAN[0, 0, 0, 0] = math.nan
BAD = {
    "type": {"images": IMAGES.numpy()},
    "dtype": {"images": IMAGES.long()},
    "double": {"images": X.double()},
    "nchw bytes": {"images": IMAGES.permute(0, 3, 1, 2)},
    "three dimensions": {"images": IMAGES[0]},
    "no pixels": {"images": IMAGES[:, :0]},
    "range": {"images": X * 255},
    "below": {"images": X - 0.5},
    "nan": {"images": NAN},
    "mask size": {"masks": MASKS[:, :-1]},
    "mask batch": {"masks": MASKS[:2]},
    "mask channel": {"masks": MASKS[:, None]},
    "mask range": {"masks": MASKS * 255},
    "mask nan": {"masks": MASKS * math.nan},
    "mask int": {"masks": MASKS.int()},
    "mask 0 and 1": {"masks": (MASKS > 0.5).to(torch.uint8)},
    "mask device": {"masks": MASKS.to("meta")},
    "partner shape": {"partners": PARTNERS[:, :-1]},
    "partner dtype": {"partners": P},
    "partner range": {"images": X, "partners": P + 1},
    "ids": {"ids": IDS.int()},
    "ids length": {"ids": IDS[:2]},
    "mean alone": {"mean": (0, 0, 0)},
    "std of 0": {"mean": (0, 0, 0), "std": (1, 1, 0)},
    "two means": {"mean": (0, 0), "std": (1, 1)},
    "dtype out": {"dtype": torch.float64},
    "trial": {"trial": -1},
    "variant": {"variants": "noise(foreground,std=-1)"},
    "no variant": {"variants": []},
    "too many": {"variants": ["clean"] * 65},
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    good = {
        "images": IMAGES,
        "masks": MASKS,
        "variants": ["noise(foreground,std=1)", "swap"],
        "partners": PARTNERS,
    }
    with pytest.raises(AdvSpurError):
        masking.render(**{**good, "ids": IDS, **BAD[case]})


def test_compiles_whole():
    variants = masking.Variants(["clean", "noise(foreground,std=0.25)"])

    def show(images, masks, ids):
        return masking.render(images, masks, variants, ids=ids).sum(0)

    compiled = torch.compile(show, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(IMAGES, MASKS, IDS), show(IMAGES, MASKS, IDS))


@pytest.mark.gpu
def test_tensors_of_two_devices_are_refused():
    with pytest.raises(AdvSpurError, match="device"):
        masking.render(IMAGES.cuda(), MASKS, "fill(background,0)")
