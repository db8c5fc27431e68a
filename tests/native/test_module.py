"""The compiled module as a guest in somebody else's process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pyadvspur.native.core import core, info


def test_one_exported_symbol():
    nm = subprocess.run(["nm", "-D", "--defined-only", core.__file__], capture_output=True, text=True)
    if nm.returncode:
        pytest.skip("nm is not here")
    assert [line.split()[-1] for line in nm.stdout.splitlines()] == ["PyInit__core"]


def test_says_why_there_is_no_device():
    facts = info()
    assert facts["cuda_devices"] > 0 or facts["cuda_note"]


def test_light_door():
    """Importing the package, or asking the command for help, loads neither torch nor pandas nor matplotlib."""
    code = (
        "import sys, pyadvspur, pyadvspur.native.core\n"
        "from pyadvspur.cli.app import build\n"
        "from pyadvspur.cli.commands import COMMANDS\n"
        "for name in COMMANDS: build(name)\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'scipy', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


def test_needs_no_cuda_libraries():
    ldd = subprocess.run(["ldd", core.__file__], capture_output=True, text=True)
    if ldd.returncode:
        pytest.skip("ldd is not here")
    assert "libcuda" not in ldd.stdout
    assert "libcudart" not in ldd.stdout
