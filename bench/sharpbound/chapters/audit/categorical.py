"""Races of categorical samplers in floating point: their exact law, against the softmax.

A race draws a uniform u for each token and lets the largest key(logit, u) win: argmax(logit - log(-log u)) by Gumbel's
trick, argmax(e^logit/(-log u)) of exponential clocks; both have the law softmax(logit) for real u. A generator of
floating-point uniforms gives only the 2^bits values k/2^bits, so that Gumbel noise never exceeds about log 2^bits, and
tokens far below the top cannot win at all. One token at logit 0 and ``tail`` more at -gap, with F the law of a key of
the tail, among those 2^bits values that are equally likely:

    P(tail wins) = 1 - mean over the top's keys v of F(v)^tail,

ties going to the top, which comes first. All keys are computed, none is sampled. The softmax has
P = tail e^-gap/(1 + tail e^-gap).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpbound import foreign
from sharpbound.errors import InputError

Key = Callable[[Tensor, Tensor], Tensor]

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
MOST_BITS = 26
"""2^26 keys of each kind are some hundred megabytes."""
CLOSE = 0.01
"""A tail whose probability is within this share of the softmax's is as it should be."""


def gumbel(logit: Tensor, u: Tensor) -> Tensor:
    """logit - log(-log u)."""
    return logit - torch.log(-torch.log(u))


def exponential(logit: Tensor, u: Tensor) -> Tensor:
    """e^logit/(-log u)."""
    return torch.exp(logit) / -torch.log(u)


RACES: dict[str, Key] = {"gumbel": gumbel, "exponential": exponential}


def tail_probability(key: Key, tail: int, gap: float, bits: int, dtype: torch.dtype) -> tuple[float, float]:
    """P(one of the ``tail`` tokens wins), and P(a tie decides at most): (), () exact but for the rounding of a sum.

    key : (logit, u) -> keys, elementwise; logit () and u (2^bits,) of ``dtype``.
    """
    u = (torch.arange(2**bits, dtype=torch.float64) / 2**bits).to(dtype)
    top, low = (
        _sorted(key(torch.tensor(logit, dtype=dtype), u.clone()), len(u)) for logit in (0.0, -float(gap))
    )
    below = [np.searchsorted(low, top, side=side) / len(low) for side in ("right", "left")]
    with np.errstate(divide="ignore"):
        won, strictly = (float(np.mean(-np.expm1(tail * np.log(share)))) for share in below)
    return won, strictly - won


def _sorted(keys: Any, count: int) -> NDArray[Any]:
    if not isinstance(keys, Tensor) or tuple(keys.shape) != (count,) or not keys.is_floating_point():
        raise InputError(f"a race must return a tensor of {count} floating-point keys")
    found = keys.double().numpy() if keys.dtype in (torch.bfloat16, torch.float16) else keys.numpy()
    if np.isnan(found).any():
        raise InputError("a race must not return NaN: look at u = 0 and at u = 1, which roundings reach")
    return found if (found[1:] >= found[:-1]).all() else np.sort(found)


def audit_race(named: str, tail: int, gap: float, draws: int, bits: int, dtype: str) -> dict[str, Any]:
    """The race ``named``, one of RACES or MODULE:OBJECT, as a JSON document."""
    for key, value, least, most in (
        ("--tail", tail, 1, 2**40),
        ("--draws", draws, 1, 2**60),
        ("--bits", bits, 1, MOST_BITS),
    ):
        if not least <= value <= most:
            raise InputError(f"must be from {least} to {most}, not {value}", key=key)
    if not (math.isfinite(gap) and gap > 0):
        raise InputError(f"must be a positive number, not {gap:g}", key="--gap")
    if dtype not in DTYPES:
        raise InputError(f"choose {', '.join(DTYPES)}, not {dtype!r}", key="--dtype")
    won, ties = _measured(named, tail, gap, bits, dtype)
    odds = math.exp(math.log(tail) - gap)
    expected = odds / (1 + odds)
    ratio = won / expected
    close = abs(ratio - 1) <= CLOSE
    line = (
        f"{tail} tokens {gap:g} below the top win {draws * won:.4g} of {draws} draws, "
        f"and should win {draws * expected:.4g}"
    )
    if won <= 1.5 * 2.0**-bits:
        line += ": none of their keys reaches one of the top, unless its u is 0"
    elif ties > CLOSE * won:
        line += f"; ties would add up to {draws * ties:.3g}"
    return {
        "sampler": named,
        "verdict": "reached" if close else "not reached",
        "diagnosis": line,
        "tail": tail,
        "gap": gap,
        "draws": draws,
        "bits": bits,
        "precision": dtype,
        "expected": draws * expected,
        "found": draws * won,
        "ratio": ratio,
        "total_variation": abs(won - expected),
    }


def _measured(named: str, tail: int, gap: float, bits: int, dtype: str) -> tuple[float, float]:
    if named in RACES:
        return tail_probability(RACES[named], tail, gap, bits, DTYPES[dtype])
    if not foreign.is_foreign(named):
        raise InputError(
            f"name a race: {', '.join(RACES)}, or MODULE:OBJECT with key(logit, u), not {named!r}"
        )
    key = foreign.load(named)
    if not callable(key):
        raise InputError(f"{named} is a {type(key).__name__}, which cannot be called")
    foreign.own(key)
    try:
        return tail_probability(key, tail, gap, bits, DTYPES[dtype])
    except InputError as mistake:
        raise InputError(f"{named}: {mistake.message}") from None
    except (Exception, SystemExit) as error:
        raise InputError(f"{named}: it raised {foreign.told(error)}") from error
