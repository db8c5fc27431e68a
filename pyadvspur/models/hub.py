"""Files on the Hugging Face hub. Nothing is fetched unless a name says `hub:`, or a folder is called "hub"."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pyadvspur.errors import AdvSpurError, bad

ASK = "hub"  # as a folder of models: look on the hub
_FORM = "'hub:OWNER/NAME/FILE' or 'hub:OWNER/NAME@REVISION/FILE'"


@dataclass(frozen=True)
class Address:
    """One file in one repository. revision: a branch, tag or commit; None = its main branch."""

    repository: str
    file: str
    revision: str | None = None


def parse(text: str) -> Address:
    """Read "hub:OWNER/NAME/FILE" or "hub:OWNER/NAME@REVISION/FILE"."""
    head, _, rest = text.partition(":")
    parts = rest.split("/")
    safe = all(part and part not in (".", "..") and "\\" not in part for part in parts)
    if head != ASK or len(parts) < 3 or not safe:
        raise bad("models.load", "name", repr(text), _FORM)
    name, at, revision = parts[1].partition("@")
    if not name or (at and not revision):
        raise bad("models.load", "name", repr(text), _FORM)
    return Address(f"{parts[0]}/{name}", "/".join(parts[2:]), revision or None)


def cached(address: Address) -> Path | None:
    """The file where it was fetched before; never asks the network, and None where the hub's client is missing."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    try:
        found = try_to_load_from_cache(address.repository, address.file, revision=address.revision)
    except ValueError:  # names that the hub does not allow
        return None
    return Path(found) if isinstance(found, str) else None


def fetch(address: Address) -> Path:
    """The file, from the cache where the hub says it is current, else downloaded.

    HF_HUB_OFFLINE=1 takes what is in the cache and asks nobody. Raises AdvSpurError with the way to do without."""
    where = f"hub:{address.repository}{f'@{address.revision}' if address.revision else ''}/{address.file}"
    by_hand = (
        f"Or download https://huggingface.co/{address.repository}/resolve/{address.revision or 'main'}/{address.file} "
        f"by hand and load the file: {PurePosixPath(address.file).name}."
    )
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise bad(
            "models.load", "name", repr(where), "huggingface_hub to be installed",
            f"Install the extra: pip install 'pyadvspur[hub]'. {by_hand}",
        ) from error  # fmt: skip
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    try:
        return Path(
            hf_hub_download(
                address.repository, address.file, revision=address.revision, local_files_only=offline
            )
        )
    except Exception as error:  # a dozen kinds, of several libraries, differing from version to version
        why = str(error).strip().splitlines()
        state = (
            "HF_HUB_OFFLINE is set and the file is not in the cache" if offline else "it cannot be fetched"
        )
        raise AdvSpurError(
            f"models.load: {where}: {state} ({type(error).__name__}: {why[0] if why else ''}). {by_hand}"
        ) from error
