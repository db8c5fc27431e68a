"""`advspur info`: versions, devices, instruction sets, kernels built in."""

from __future__ import annotations


def info() -> None:
    """Show versions, devices, instruction sets and the kernels built in."""
    from pyadvspur.native.core import info as native_info

    for key, value in native_info().items():
        print(f"{key:16} {value}")
