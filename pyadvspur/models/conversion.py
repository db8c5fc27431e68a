"""`models.convert`: a checkpoint as safetensors, every weight once, saying what it is."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pyadvspur.errors import AdvSpurError, bad
from pyadvspur.models import checkpoint, fitting, resnet, salman
from pyadvspur.models.files import check_digest, identify
from pyadvspur.models.tensors import digest_of

FORMAT = 1


def convert(source: str | Path, target: str | Path) -> dict[str, object]:
    """Write a checkpoint's weights as safetensors; returns the metadata written with them.

    What training left (prefixes, the robustness library's second copies, the normaliser's buffers) is checked as when
    loading and dropped. Metadata, as JSON under "advspur": the file it came from and its SHA-256, the SHA-256 of the
    weights, mean and std where there are any, and, for the ResNets, arch, norm, eps and the released network's name;
    `load` then takes the file by itself. Other networks are loaded with their architecture's name: `timm:NAME@FILE`.

    The file appears whole or not at all, is read back and compared bit for bit, and never replaces another.
    """
    from safetensors.torch import save_file

    source, target = Path(source), Path(target)
    where = "models.convert"
    if target.suffix.lower() != ".safetensors":
        raise bad(where, "target", str(target), "a file ending in .safetensors")
    if target.exists() or target.is_symlink():
        raise bad(where, "target", str(target), "a file that does not exist yet", "Nothing is overwritten.")
    if not target.parent.is_dir():
        raise bad(where, "target", str(target), "a file in an existing folder")
    weights = checkpoint.read(source)
    digest = checkpoint.sha256(source)
    state = {key: value.contiguous().clone() for key, value in fitting.stripped(weights)[1].items()}
    info = _info(weights, state, digest)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        save_file(state, part, metadata={"advspur": json.dumps(info, sort_keys=True)})
        _compare(part, state)
        _place(part, target)
    except OSError as error:
        raise AdvSpurError(f"{where}: {target} cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return info


def _info(weights: checkpoint.Checkpoint, state, digest: str) -> dict[str, object]:
    known = weights.info  # of an embedded, fine-tuned or converted file: what it says of itself stays
    source = {"source_file": weights.path.name, "source_sha256": digest}
    if "weights_sha256" in known:
        check_digest(weights)
        source = {}
    info: dict[str, object] = {**known, "format": FORMAT, **source, "weights_sha256": digest_of(state)}
    if known:
        return info
    statistics = weights.statistics
    release = identify(weights.path, digest)
    arch = resnet.recognise(state)
    if release or arch:
        network = resnet.build(release.arch if release else arch, _outputs(state))
        fitting.fit(network, weights)  # refuses what `load` would refuse
        statistics = statistics or (salman.MEAN, salman.STD)
        fitting.check_statistics(weights.path.name, statistics, (salman.MEAN, salman.STD))
        info["arch"] = release.arch if release else arch
    if statistics:
        info["mean"], info["std"] = ([round(v, 6) for v in values] for values in statistics)
    return info | (release.training_info() if release else {})


def _outputs(state) -> int:
    head = state.get("fc.weight")
    return head.shape[0] if head is not None and head.dim() == 2 else 1000


def _compare(part: Path, state) -> None:
    """What was written is what was read, bit for bit."""
    from safetensors.torch import load_file

    written = load_file(part)
    if written.keys() != state.keys() or not all(fitting.same_bits(written[k], state[k]) for k in state):
        raise AdvSpurError(f"models.convert: {part} does not hold what was written to it; is the disk sound?")
    with part.open("rb") as file:
        os.fsync(file.fileno())


def _place(part: Path, target: Path) -> None:
    """Give the finished file its name, unless somebody took the name meanwhile."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise bad("models.convert", "target", str(target), "a file that does not exist yet") from None
    except OSError:  # a file system without hard links
        if target.exists():
            raise bad("models.convert", "target", str(target), "a file that does not exist yet") from None
        os.replace(part, target)
