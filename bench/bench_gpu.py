"""render, step, project and score on a CUDA device, as a share of the device's copy bandwidth; needs a GPU."""

from __future__ import annotations

import common  # first: it sets how idle OpenMP threads wait
import torch

from pyadvspur import masking
from pyadvspur.labels import LabelMap
from pyadvspur.native.project import project_
from pyadvspur.native.score import score
from pyadvspur.native.step import step_

SETTINGS = {"linf": (8 / 255, 2 / 255), "l2": (3.0, 0.7), "l1": (60.0, 15.0)}


def copy_bandwidth() -> float:
    """Bytes a second of a large device-to-device copy, reads and writes counted."""
    a = torch.empty(1 << 28, device="cuda")
    b = torch.empty_like(a)
    times = common.measure_cuda({"copy": lambda: b.copy_(a)}, calls=4)
    return 2 * a.numel() * a.element_size() / times["copy"].median


def row(run: common.Run, what: str, size: str, times: common.Times, n_bytes: float, copy: float) -> None:
    speed = n_bytes / times.median
    share = {"GB/s": speed / 1e9, "copy_GB/s": copy / 1e9, "of_copy": speed / copy}
    run.row(kernel=what, size=size, us=times.median * 1e6, spread=times.spread, **share)


def images(run: common.Run, batch: int, layout: torch.memory_format, copy: float) -> None:
    generator = torch.Generator().manual_seed(0)
    x0 = torch.rand(batch, 3, 224, 224, generator=generator).contiguous(memory_format=layout)
    grad = torch.randn(x0.shape, generator=generator).contiguous(memory_format=layout)
    there, slope = x0.cuda(), grad.cuda()
    name = f"{batch}x3x224x224 {'NCHW' if layout is torch.contiguous_format else 'NHWC'}"
    for norm, (eps, size) in SETTINGS.items():
        small = step_(x0[:2].clone(), x0[:2], grad[:2], norm=norm, eps=eps, step_size=size)
        same = step_(there[:2].clone(), there[:2], slope[:2], norm=norm, eps=eps, step_size=size).cpu()
        run.check(f"step {norm} {name}: equals the CPU", (small - same).abs().max().item(), 0.0)
        radii, sizes = torch.full((batch,), eps, device="cuda"), torch.full((batch,), size, device="cuda")
        moved = torch.empty(batch, dtype=torch.bool, device="cuda")
        x, delta = there.clone(), torch.randn_like(there)

        def update(x=x, norm=norm, radii=radii, sizes=sizes, moved=moved):
            step_(x, there, slope, norm=norm, eps=radii, step_size=sizes, moved=moved)

        # Radii that go down: a projection of what already lies inside would end at once.
        down = radii.clone()

        def shrink(delta=delta, norm=norm, shrinking=down):
            project_(delta, norm=norm, eps=shrinking.mul_(0.995), x0=there)

        times = common.measure_cuda({"step": update, "project": shrink}, calls=4)
        row(run, f"step {norm}", name, times["step"], 16 * x.numel(), copy)
        row(run, f"project {norm}", name, times["project"], 12 * x.numel(), copy)


def variants(run: common.Run, batch: int, dtype: torch.dtype, channels_last: bool, copy: float) -> None:
    """The clean image, noise on the foreground and on the background: uint8 in, three images out."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (batch, 224, 224, 3), dtype=torch.uint8, generator=generator)
    masks = torch.randint(0, 2, (batch, 224, 224), dtype=torch.uint8, generator=generator) * 255
    table = [masking.clean(), masking.noise("foreground", std=0.25), masking.noise("background", std=0.25)]
    options = {"ids": torch.arange(batch), "seed": 0, "dtype": dtype, "channels_last": channels_last}
    few = masking.render(
        images[:2], masks[:2], masking.Variants(table), **(options | {"ids": torch.arange(2)})
    )
    there = (images.cuda(), masks.cuda())
    same = masking.render(
        there[0][:2], there[1][:2], masking.Variants(table), **(options | {"ids": torch.arange(2)})
    )
    name = f"{batch}x3x224x224 {str(dtype)[6:]} {'NHWC' if channels_last else 'NCHW'}"
    run.check(f"render {name}: equals the CPU", (few.float() - same.cpu().float()).abs().max().item(), 0.0)
    options["ids"] = options["ids"].cuda()
    for count in (1, 3):  # the clean one alone is memory traffic; noise is drawn, which is arithmetic
        chosen = masking.Variants(table[:count])
        work = {"render": lambda chosen=chosen: masking.render(*there, chosen, **options)}
        moved = (
            batch * 224 * 224 * (3 + (count > 1) + 3 * count * torch.empty((), dtype=dtype).element_size())
        )
        row(run, f"render {count}", name, common.measure_cuda(work, calls=4)["render"], moved, copy)


def logits(run: common.Run, rows: int, k: int, dtype: torch.dtype, copy: float) -> None:
    z = torch.randn(rows, k, device="cuda").to(dtype)
    labels = torch.randint(0, 9, (rows,), device="cuda")
    label_map = LabelMap.many_to_one([i % 10 - 1 for i in range(k)])
    here, fast = score(z.cpu(), labels.cpu(), label_map), score(z, labels, label_map)
    run.check(
        f"score {dtype}: equals the CPU",
        float(not all(torch.equal(a, b.cpu()) for a, b in zip(here, fast))),
        0.0,
    )
    times = common.measure_cuda({"score": lambda: score(z, labels, label_map)}, calls=4)
    row(run, "score", f"{rows}x{k} {str(dtype)[6:]}", times["score"], z.numel() * z.element_size(), copy)


def main() -> None:
    run = common.start(__doc__, "gpu")
    if not torch.cuda.is_available():
        print("gpu: no CUDA device here, nothing measured")
        return
    copy = copy_bandwidth()
    for layout in (torch.contiguous_format, torch.channels_last):
        images(run, 16 if run.quick else 256, layout, copy)
    for dtype in (torch.float32, torch.bfloat16):
        for channels_last in (False, True):
            variants(run, 16 if run.quick else 256, dtype, channels_last, copy)
        logits(run, 8192, 1000, dtype, copy)
    run.finish()


if __name__ == "__main__":
    main()
