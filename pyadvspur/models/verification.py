"""`models.verify`: what a checkpoint file is, checked line by line, without ever running code from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pyadvspur.errors import AdvSpurError
from pyadvspur.models import checkpoint, embedded_nets, fitting, resnet, salman
from pyadvspur.models.files import check_digest, identify
from pyadvspur.models.registry import manifest
from pyadvspur.models.salman import Release

if TYPE_CHECKING:
    import pandas

#: buffers that are no parameters
_STATISTICS = ("running_mean", "running_var")
COLUMNS = ("item", "expected", "found", "ok", "note")


def verify(path: str | Path) -> pandas.DataFrame:
    """What a checkpoint holds and whether it is as it should be: columns item, expected, found, ok, note.

    Items: file, sha256 (against the known one of the released networks), format, keys, second copies, normaliser,
    architecture, parameters, outputs, numbers. ok is False where the file cannot be used as what it says it is; a file
    that is merely unknown is fine, and its note says what could not be checked. Never raises for a bad file.
    """
    import pandas as pd

    path = Path(path)
    rows: list[tuple[str, str, str, bool, str]] = []
    for item, check in (("file", _file), ("sha256", _digest), ("format", _content)):
        try:
            rows += check(path)
        except AdvSpurError as error:
            expected = {"file": "a checkpoint", "sha256": "the released file's"}.get(item, "tensors only")
            rows.append((item, expected, "refused", False, str(error)))
            if item != "sha256":
                break
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _file(path: Path):
    checkpoint.check_file(path)
    return [("file", "", f"{path.stat().st_size} bytes", True, "")]


def _digest(path: Path):
    digest = checkpoint.sha256(path)
    if path.suffix.lower() == ".safetensors":
        shipped = {entry["sha256"]: name for name, entry in manifest()["networks"].items()}
        note = f"known: embedded:{shipped[digest]}" if digest in shipped else "nothing to compare with"
        return [("sha256", digest if digest in shipped else "", digest, True, note)]
    release = identify(path, digest)
    if release is None:
        return [("sha256", "", digest, True, "not one of the released networks: nothing to compare with")]
    if release.sha256 is None:
        return [("sha256", "not known", digest, True, f"named {release.name}, whose SHA-256 is not known")]
    return [("sha256", release.sha256, digest, True, f"known: {release.name}")]


def _content(path: Path):
    weights = checkpoint.read(path)
    release = _release(path, weights)
    kind = "safetensors" if path.suffix.lower() == ".safetensors" else "torch"
    rows = [("format", "tensors only", kind, True, f"{len(weights.tensors)} tensors")]
    rows += _guarded("weights", lambda: _metadata(weights, release))
    rows += _guarded("second copies", lambda: _copies(weights))
    rows += _guarded("normaliser", lambda: _normaliser(weights))
    try:
        prefix, state = fitting.stripped(weights)
    except AdvSpurError:  # copies that differ: said above, and the first copy is looked at all the same
        prefix, state = "module.model.", fitting.without(weights.tensors, "module.model.")
    rows.append(("keys", "", f"{len(state)} under {prefix!r}" if prefix else f"{len(state)}", True, ""))
    rows += _guarded("architecture", lambda: _architecture(weights, state, release))
    bad = [key for key, value in weights.tensors.items() if not bool(value.isfinite().all())]
    rows.append(
        ("numbers", "finite", "finite" if not bad else f"{len(bad)} not", not bad, ", ".join(bad[:3]))
    )
    return rows


def _release(path: Path, weights: checkpoint.Checkpoint) -> Release | None:
    try:
        name = weights.info.get("release") if weights.metadata else path.stem
    except AdvSpurError:
        name = None
    return salman.RELEASES.get(str(name)) or salman.RELEASES.get(path.stem)


def _guarded(item: str, check):
    try:
        return check()
    except AdvSpurError as error:
        return [(item, "", "refused", False, str(error))]


def _metadata(weights: checkpoint.Checkpoint, release: Release | None):
    if not weights.info:
        return []
    check_digest(weights)
    said = weights.info.get("release") or weights.info.get("arch")
    fits = release is None or weights.info.get("release") == release.name
    note = "the weights are those it was written for" if "weights_sha256" in weights.info else ""
    return [("metadata", release.name if release else "", str(said), fits, note)]


def _copies(weights: checkpoint.Checkpoint):
    count = fitting.n_copies(weights)
    fitting.stripped(weights)  # raises where they differ
    note = "bit for bit; `models convert` drops them" if count else ""
    return [("second copies", "equal", f"{count} equal" if count else "none", True, note)]


def _normaliser(weights: checkpoint.Checkpoint):
    found = weights.statistics
    if found is None:
        return [("normaliser", "ImageNet's", "none", True, "ImageNet's is applied to the ResNets")]
    fine = fitting.same_statistics(found, (salman.MEAN, salman.STD))
    note = "" if fine else f"mean {fitting.short(found[0])}, std {fitting.short(found[1])}"
    return [("normaliser", "ImageNet's", "ImageNet's" if fine else "another", fine, note)]


def _architecture(weights: checkpoint.Checkpoint, state, release: Release | None):
    arch = resnet.recognise(state)
    # a fine-tuned file says how it began; its last layer is its own
    said = "" if "base" in weights.info else str(weights.info.get("arch") or "")
    expected = release.arch if release else said
    learned = {k: v for k, v in state.items() if not k.endswith((*_STATISTICS, resnet.COUNTERS))}
    count = sum(value.numel() for value in learned.values())
    if expected in embedded_nets.ARCHITECTURES:
        wrong = fitting.mismatches(embedded_nets.build(expected, norm=False), state)
        return [("architecture", expected, "another" if wrong else expected, not wrong, _said(wrong))]
    if arch is None:
        fine = expected not in resnet.ARCHITECTURES
        note = "neither ResNet-18 nor ResNet-50: name it when loading" if fine else "neither of the ResNets"
        return [("architecture", expected, "unknown", fine, note)]
    outputs = state["fc.weight"].shape[0] if state["fc.weight"].dim() else 0
    wrong = fitting.mismatches(resnet.build(arch, max(1, outputs)), state)
    known = salman.PARAMETERS[arch] + (outputs - 1000) * (resnet.width(arch) + 1)
    return [
        ("architecture", expected, arch, expected in ("", arch) and not wrong, _said(wrong)),
        ("parameters", f"{known}", f"{count}", count == known, ""),
        ("outputs", "1000" if release else "", f"{outputs}", outputs == 1000 or not release, ""),
    ]


def _said(wrong: dict[str, list[str]]) -> str:
    return "; ".join(f"{len(keys)} {what}: {', '.join(keys[:3])}" for what, keys in wrong.items())
