"""Which random stream serves which purpose.

A stream is a 32-bit number in the counter of the generator: 8 bits of purpose, 24 bits of index (trial, restart,
step). Two purposes never share a draw, whatever their indices.
"""

from __future__ import annotations

from pyadvspur.errors import bad

NOISE = 1  # masking: Gaussian noise; index = trial
START = 2  # attacks: random start; index = restart
DIRECTION = 3  # attacks: direction for a sample whose gradient is zero; index = step
PARTNER = 4  # masking: which background replaces a sample's own; index = trial
SIMULATE = 5  # theory: samples of a Gaussian linear problem
COMPOSE = 6  # benchmarks: composing the embedded images
TRAIN = 7  # attacks.train: random start of the perturbation; index = epoch
RESAMPLE = 8  # metrics: bootstrap
SQUARE = 9  # attacks.square: windows and signs; index = restart
SQUARE_START = 10  # attacks.square: signs of the first point; index = restart
READOUT = 16  # evaluation: halves and balanced draws of readouts; index = refit
AUGMENT = 20  # attacks.train: shifts and mirror images; index = epoch
DRY_RUN = 24  # models: weights of `random:K`; index = layer


def stream(purpose: int, index: int = 0) -> int:
    """The stream number of a purpose and an index in [0, 2**24)."""
    if not 0 <= index < 1 << 24:
        raise bad("streams.stream", "index", index, "an integer in [0, 2**24)")
    return purpose << 24 | index
