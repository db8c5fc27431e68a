"""`python -m pyadvspur` is `advspur`."""

from pyadvspur.cli import main

main()
