"""`advspur info`: versions, devices, instruction sets, kernels built in."""

from __future__ import annotations

from pyadvspur.cli.printing import Json


def info(json_: Json = False) -> None:
    """Show versions, devices, instruction sets and the kernels built in."""
    import os
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from pyadvspur import plugins
    from pyadvspur.cli.printing import print_json
    from pyadvspur.native.core import info as native_info

    lines = dict(native_info())
    lines["python"] = platform.python_version()
    lines["platform"] = platform.platform()
    lines["cpus"] = os.cpu_count()
    for package in ("torch", "numpy", "pandas", "pyarrow", "torchvision", "timm", "ray"):
        try:
            lines[package] = version(package)
        except PackageNotFoundError:
            lines[package] = "not installed"
    for group in plugins.GROUPS:
        if names := plugins.names(group):
            lines[f"plug-in {group}"] = ", ".join(f"{name} ({plugins.origin(group, name)})" for name in names)
    if json_:
        print_json(lines)
        return
    for key, value in lines.items():
        print(f"{key:16} {value}")
