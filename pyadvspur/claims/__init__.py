"""What the experiments share: each is a claim of the paper, evaluated, drawn, and decided by its numbers.

experiments/*/run.py say what is compared and what would decide; options, evaluation, verdicts and axes are here, so
that they are the same everywhere. Statistics come from `metrics`.
"""
