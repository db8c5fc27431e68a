"""Logits to what is recorded of a sample: prediction, probability, margin, correct. One pass, on the device."""

from __future__ import annotations

from typing import NamedTuple

import torch

from pyadvspur.errors import bad
from pyadvspur.labels import LabelMap
from pyadvspur.native.core import core, has_cuda
from pyadvspur.native.ops import cuda_stream, register, threads
from pyadvspur.reference import score as reference

_DTYPES = (torch.float32, torch.bfloat16, torch.float16)
_SCHEMA = (
    "score(Tensor logits, Tensor labels, Tensor codes, Tensor(a!) prediction, Tensor(b!) probability, "
    "Tensor(c!) margin, Tensor(d!) correct) -> ()"
)


class Scores(NamedTuple):
    """What `score` says of each sample, all (B,)."""

    prediction: torch.Tensor  # int64: class, -1 = an output of no class won, -2 = logits were not finite
    probability: torch.Tensor  # float32: softmax mass of the label's outputs among the competing ones
    margin: torch.Tensor  # float32, logits: best of the label's outputs minus best of all others
    correct: torch.Tensor  # bool: prediction is the label


def _arguments(logits, labels, codes, prediction, probability, margin, correct):
    return {
        "type": _DTYPES.index(logits.dtype),
        "logits": logits.data_ptr(),
        "stride": logits.stride(0),
        "labels": labels.data_ptr(),
        "codes": codes.data_ptr(),
        "prediction": prediction.data_ptr(),
        "probability": probability.data_ptr(),
        "margin": margin.data_ptr(),
        "correct": correct.data_ptr(),
        "rows": logits.shape[0],
        "k": logits.shape[1],
    }


def _score_cpu(*args):
    core.score_cpu(**_arguments(*args), threads=threads())


def _score_cuda(logits, labels, codes, *outputs):
    if not has_cuda:
        for out, value in zip(outputs, reference.score(logits, labels, codes), strict=True):
            out.copy_(value)
        return
    with torch.cuda.device(logits.device):
        arguments = _arguments(logits, labels, codes, *outputs)
        core.score_cuda(**arguments, cuda_stream=cuda_stream(logits.device))


def _score_fake(logits, labels, codes, prediction, probability, margin, correct):
    torch._check(
        logits.dim() == 2 and logits.shape[0] == labels.shape[0] and logits.shape[1] == codes.shape[0]
    )


_score = register(_SCHEMA, cpu=_score_cpu, cuda=_score_cuda, fake=_score_fake)


def score(logits: torch.Tensor, labels: torch.Tensor, label_map: LabelMap) -> Scores:
    """Score a batch of logits under a label map.

    logits: (B, K) float32, bfloat16 or float16, any stride between rows. labels: int64 (B,), classes of the map; a
    label without outputs (for instance -1) is never right: probability 0, margin -inf. A label whose outputs are all
    there is has margin +inf. Equal logits: the lowest index wins. A competing logit that is not finite makes its row
    prediction -2, not correct, with NaN for probability and margin.
    """
    if logits.dim() != 2 or not logits.shape[1] or logits.dtype not in _DTYPES:
        got = f"{logits.dtype} {tuple(logits.shape)}"
        raise bad("native.score", "logits", got, "(B, K >= 1) of float32, bfloat16 or float16")
    if labels.dtype != torch.int64 or labels.shape != logits.shape[:1] or labels.device != logits.device:
        got = f"{labels.dtype} {tuple(labels.shape)} on {labels.device}"
        raise bad("native.score", "labels", got, f"int64 ({len(logits)},) on {logits.device}")
    if logits.stride(1) != 1:
        logits = logits.contiguous()
    codes = label_map.codes(logits.shape[1], logits.device)
    kinds = (torch.int64, torch.float32, torch.float32, torch.bool)
    result = Scores(*(torch.empty(len(logits), dtype=kind, device=logits.device) for kind in kinds))
    _score(logits, labels.contiguous(), codes, *result)
    return result
