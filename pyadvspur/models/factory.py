"""Networks that the user's own code builds."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

from torch import nn

from pyadvspur.errors import AdvSpurError, bad, unknown
from pyadvspur.models import checkpoint
from pyadvspur.models.classifier import Classifier
from pyadvspur.models.fitting import wrap


def load_factory(name: str, module: str, attribute: str, file: Path | None, forms: str) -> Classifier:
    """`module:attribute` is called without arguments and returns the network. forms: what a name may look like."""
    with _current_directory():
        code = _import(name, module, forms)
        factory = getattr(code, attribute, None)
        if not callable(factory):
            public = [key for key, value in vars(code).items() if callable(value) and not key.startswith("_")]
            raise unknown("models.load", "name", name, [f"{module}:{key}" for key in public])
        return from_callable(name, factory, file, _source(code))


def from_callable(name: str, factory: Callable, file: Path | None, source: bytes = b"") -> Classifier:
    """What factory() returns as a Classifier. Its optional attributes: `mean` and `std`, three plain numbers each, are
    applied to the pixels; `input_size` says what it expects; `training_info`, a mapping, goes into the run's record."""
    title = getattr(factory, "__name__", repr(factory))
    try:
        network = factory()
    except Exception as error:
        raise AdvSpurError(
            f"models.load: {name}: {title}() raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(network, nn.Module):
        hint = f"{title}() returned {type(network).__name__}."
        raise bad("models.load", "name", repr(name), "a factory that returns a torch.nn.Module", hint)
    # Plain numbers ask to be applied; tensors are buffers that the network applies itself.
    mean, std = (
        v if isinstance(v := getattr(network, key, None), (tuple, list)) else None for key in ("mean", "std")
    )
    info = getattr(network, "training_info", None)
    weights = checkpoint.read(file) if file else None
    return wrap(
        name, network, weights, mean, std, source=source, input_size=getattr(network, "input_size", None),
        training_info=info if isinstance(info, Mapping) else None,
    )  # fmt: skip


@contextlib.contextmanager
def _current_directory() -> Iterator[None]:
    """The current directory is where a user's own modules are looked for first, as with `python -m`."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(here)


def _import(name: str, module: str, forms: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(error.name + ".")):
            hint = f"There is no module {error.name!r} on the Python path or in {Path.cwd()}."
        else:
            hint = f"It imports {error.name!r}, which is not installed."
        raise bad("models.load", "name", repr(name), forms, hint) from error
    except Exception as error:
        raise AdvSpurError(
            f"models.load: {name}: importing {module} raised {type(error).__name__}: {error}"
        ) from error


def _source(code: ModuleType) -> bytes:
    try:
        return inspect.getsource(code).encode()
    except (OSError, TypeError):
        return b""
