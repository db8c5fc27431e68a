"""`masking.render` against the same in eager torch: normalised variants of 64 photographs at 224 x 224.

Two opponents, both as a careful torch programmer would write them: "fresh" allocates its results and works in place
where it can; "kept" writes everything into tensors that were allocated before. Each meets the same of ours (`out=`).
With --device cuda, the fraction of the device's copy bandwidth instead.
"""

from __future__ import annotations

import common  # first: it sets the OpenMP waiting policy
import torch

from pyadvspur import masking
from pyadvspur.native.random import draw
from pyadvspur.streams import NOISE, stream

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STD_VARIANTS = ("clean", "noise(foreground,std=0.25)", "noise(background,std=0.25)")
L2_VARIANTS = ("clean", "noise(foreground,l2=50)", "noise(background,l2=50)")
NHWC, NCHW = torch.channels_last, torch.contiguous_format


def inputs(b: int, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (b, size, size, 3), dtype=torch.uint8, generator=g)
    masks = torch.randint(0, 2, (b, size, size), dtype=torch.uint8, generator=g) * 255
    return images, masks, torch.arange(b)


class Eager:
    """Clean, foreground and background noise, sharing one draw as ours do. `kept`: reuse all memory."""

    def __init__(self, images, masks, ids, l2: bool, kept: bool, dtype=torch.float32, form=NCHW, z=None):
        self.images, self.masks, self.l2, self.dtype, self.form, self.z = images, masks, l2, dtype, form, z
        self.mean, self.std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
        b, h, w, _ = images.shape
        self.kept = [torch.empty(b, 3, h, w).to(memory_format=form) for _ in range(5)] if kept else None
        self.results = [torch.empty_like(self.kept[0], dtype=dtype) for _ in range(3)] if kept else None

    def _space(self, i: int) -> torch.Tensor:
        if self.kept:
            return self.kept[i]
        b, h, w, _ = self.images.shape
        return torch.empty(b, 3, h, w, memory_format=self.form)

    def _finish(self, i: int, y: torch.Tensor) -> torch.Tensor:
        y.sub_(self.mean).div_(self.std)
        if self.kept:
            return y if self.dtype == torch.float32 else self.results[i].copy_(y)
        return y.to(self.dtype)

    def __call__(self) -> list[torch.Tensor]:
        x = self._space(0).copy_(self.images.permute(0, 3, 1, 2)).div_(255)
        m = self.masks[:, None].to(torch.float32).div_(255)
        z = self.z
        if z is None:
            z = self._space(1)
            (z.permute(0, 2, 3, 1) if self.form is NHWC else z).normal_()  # torch fills dense memory faster
        out = []
        for i, weight in enumerate((m, 1 - m)):
            y = torch.mul(z, weight, out=self._space(2 + i))
            if self.l2:
                y.mul_(50 / torch.linalg.vector_norm(y, dim=(1, 2, 3), keepdim=True)).add_(x)
            else:
                y.mul_(0.25).add_(x)
            out.append(self._finish(1 + i, y.clamp_(0, 1)))
        return [self._finish(0, x), *out]


def ours(images, masks, ids, names, dtype=torch.float32, form=NCHW, out=None):
    return masking.render(
        images, masks, names, ids=ids, mean=MEAN, std=STD, dtype=dtype, channels_last=form is NHWC, out=out
    )


def check(run: common.Run, images, masks, ids) -> None:
    """With our noise, eager torch gives our images; with its own, the same statistics."""
    z = draw(ids, images[0].numel(), "normal", 0, stream(NOISE)).view(len(ids), 3, *images.shape[1:3])
    for l2, names in ((False, STD_VARIANTS), (True, L2_VARIANTS)):
        mine = ours(images, masks, ids, names)
        kind = "l2" if l2 else "std"
        eager = torch.stack(Eager(images, masks, ids, l2, False, z=z.clone())())
        run.check(f"{kind}: eager torch with the same noise", float((mine - eager).abs().max()), 1e-5)
        eager = torch.stack(Eager(images, masks, ids, l2, True)())
        gap = (mine.mean((1, 3, 4)) - eager.mean((1, 3, 4))).abs().max()
        run.check(f"{kind}: channel means with torch's own noise", float(gap), 5e-3)
        gap = (mine.std((1, 3, 4)) / eager.std((1, 3, 4)) - 1).abs().max()
        run.check(f"{kind}: channel deviations with torch's own noise", float(gap), 5e-3)


def compare(run: common.Run, images, masks, ids, threads: int) -> None:
    torch.set_num_threads(threads)
    cases = [
        ("std float32", STD_VARIANTS, torch.float32, NCHW),
        ("l2 float32", L2_VARIANTS, torch.float32, NCHW),
        ("std float32 channels_last", STD_VARIANTS, torch.float32, NHWC),
        ("std bfloat16", STD_VARIANTS, torch.bfloat16, NCHW),
        ("std bfloat16 channels_last", STD_VARIANTS, torch.bfloat16, NHWC),
    ]
    for label, names, dtype, form in cases:
        l2 = names is L2_VARIANTS
        kept_out = ours(images, masks, ids, names, dtype, form)
        times = run.measure(
            {
                "ours": lambda n=names, d=dtype, f=form: ours(images, masks, ids, n, d, f),
                "eager": Eager(images, masks, ids, l2, False, dtype, form),
                "ours kept": lambda n=names, d=dtype, f=form, o=kept_out: ours(
                    images, masks, ids, n, d, f, o
                ),
                "eager kept": Eager(images, masks, ids, l2, True, dtype, form),
            }
        )
        for memory, mine, peer in (("fresh", "ours", "eager"), ("kept", "ours kept", "eager kept")):
            run.row(case=label, threads=threads, memory=memory, **common.against(times, mine, peer))
    n = ids.numel() * images[0].numel()
    times = run.measure(
        {"ours": lambda: draw(ids, images[0].numel(), "normal", 0, 0), "peer": lambda: torch.randn(n)}
    )
    run.row(
        case="normals alone, against randn",
        threads=threads,
        memory="fresh",
        **common.against(times, "ours", "peer"),
    )


def compare_cuda(run: common.Run, images, masks, ids) -> None:
    """Bytes that must move (images, masks, results) over time, as a fraction of a device copy's bandwidth."""
    images, masks, ids = images.cuda(), masks.cuda(), ids.cuda()
    source = torch.empty(1 << 28, device="cuda")
    target = torch.empty_like(source)
    for label, names, dtype, form in [
        ("std float32", STD_VARIANTS, torch.float32, NCHW),
        ("std float32 channels_last", STD_VARIANTS, torch.float32, NHWC),
        ("std bfloat16", STD_VARIANTS, torch.bfloat16, NCHW),
        ("std bfloat16 channels_last", STD_VARIANTS, torch.bfloat16, NHWC),
        ("l2 float32", L2_VARIANTS, torch.float32, NCHW),
    ]:
        out = ours(images, masks, ids, names, dtype, form)
        times = common.measure_cuda(
            {
                "ours": lambda n=names, d=dtype, f=form, o=out: ours(images, masks, ids, n, d, f, o),
                "copy": lambda: target.copy_(source),
            },
            calls=10,
        )
        moved = images.nbytes + masks.nbytes + out.nbytes
        ours_rate, copy_rate = moved / times["ours"].median, 2 * source.nbytes / times["copy"].median
        run.row(
            case=label, ours_ms=times["ours"].median * 1e3, ours_GBps=ours_rate / 1e9, copy_GBps=copy_rate / 1e9,
            fraction=ours_rate / copy_rate, spread=times["ours"].spread,
        )  # fmt: skip


def main() -> None:
    run = common.start(
        __doc__, "render", lambda p: p.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    )
    if run.options.device == "cuda":
        run.name = "render_cuda"
        images, masks, ids = inputs(256, 224)
        check(run, images[:8], masks[:8], ids[:8])
        compare_cuda(run, images, masks, ids)
    else:
        images, masks, ids = inputs(16 if run.quick else 64, 224)
        check(run, images, masks, ids)
        for threads in sorted({1, run.options.threads}):
            compare(run, images, masks, ids, threads)
    run.finish()


if __name__ == "__main__":
    main()
