"""levels.py: INQ's levels and the rounding onto them (INQ section 2.1, Eq. 1 to 4), as src/quantize/levels.ts has them, to the bit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Optional, Sequence

import torch
from torch import Tensor

from .errors import ShiftwiseError

#: The largest weight of a layer must be at least this, if it is not 0: its levels have to be normal float32 numbers.
SMALLEST_WEIGHT = 2.0**-118
#: The lowest n1 tried by the rule "mse" lies this many octaves under the one of "max".
MSE_OCTAVES = 12
#: Scales tried lie this close, and reach this far down from the one at which nothing is clipped.
STEPS_PER_OCTAVE = 12
OCTAVES = 4
BINS = 4096
#: The scale that stands for 0, which no grid has.
SMALLEST_SCALE = 2.0**-126


@dataclass(frozen=True)
class PowersOfTwo:
    """The values 0, ±2^n2 .. ±2^n1. ``thresholds[m - 1]`` is the smallest magnitude that takes ``magnitudes[m - 1]`` or more."""

    bits: int
    n1: int
    n2: int
    magnitudes: tuple[float, ...]
    thresholds: tuple[float, ...]


def check_bits(bits: int, where: str = "bits") -> int:
    """Returns a width of INQ's codes. Raises BAD_OPTION unless it is 2, 3, 4 or 5."""
    if isinstance(bits, int) and not isinstance(bits, bool) and bits in (2, 3, 4, 5):
        return bits
    raise ShiftwiseError("BAD_OPTION", "unsupported bit width", where=where, expected="2, 3, 4 or 5", found=bits)


def powers_of_two(bits: int, n1: int) -> PowersOfTwo:
    """Makes the levels of a width and a largest exponent: 2^(bits - 2) magnitudes, n2 = n1 + 1 - 2^(bits - 2).

    Thresholds are Eq. 4's: half the first level, then the midpoints; a value on a threshold goes up, larger ones clamp to 2^n1.
    """
    count = 2 ** (check_bits(bits) - 2)
    n2 = n1 + 1 - count
    if n1 > 127 or n2 < -126:
        raise ShiftwiseError(
            "BAD_OPTION", "largest exponent out of range", where="n1", expected=f"{count - 127}..127", found=n1
        )
    magnitudes = tuple(2.0 ** (n2 + i) for i in range(count))
    thresholds = tuple(level / 2 if i == 0 else 0.75 * level for i, level in enumerate(magnitudes))
    return PowersOfTwo(bits, n1, n2, magnitudes, thresholds)


def largest_exponent(s: float, bits: int) -> int:
    """Returns floor(log2(4 s / 3)) (Eq. 3), exactly, held to exponents whose levels are normal float32 numbers; 0 for s = 0."""
    lowest = 2 ** (check_bits(bits) - 2) - 127
    if s == 0:
        return 0
    n = math.frexp(s)[1] - 1
    while 0.75 * 2.0 ** (n + 1) <= s:
        n += 1
    while 0.75 * 2.0**n > s:
        n -= 1
    return min(max(n, lowest), 127)


def largest_magnitude(weight: Tensor, where: str) -> float:
    """Returns the largest magnitude. Raises BAD_MODEL for a weight that is not finite, and for weights that are too small."""
    if not bool(torch.isfinite(weight).all()):
        raise ShiftwiseError("BAD_MODEL", "a weight is not finite", where=where)
    largest = float(weight.abs().max())
    if 0 < largest < SMALLEST_WEIGHT:
        raise ShiftwiseError(
            "BAD_MODEL",
            "weights too small to be quantized",
            where=where,
            expected=f"a largest weight of at least {SMALLEST_WEIGHT:.2g}: set them to 0, or multiply them and divide what follows",
            found=f"at most {largest:.3g}",
        )
    return largest


def choose_exponent(weight: Tensor, bits: int, rule: Optional[str], where: str) -> int:
    """Chooses n1 of a layer. "max": Eq. 3. "mse": the n1 up to that with the least squared error. None: "max" at 4 bits and more."""
    if rule is None:
        rule = "max" if bits >= 4 else "mse"
    if rule not in ("max", "mse"):
        raise ShiftwiseError("BAD_OPTION", "no such rule", where="rule", expected="max or mse", found=rule)
    s = largest_magnitude(weight, where)
    top = largest_exponent(s, bits)
    if rule == "max" or s == 0:
        return top
    bottom = max(top - MSE_OCTAVES, 2 ** (bits - 2) - 127)
    values = weight.detach().double().flatten()
    best, least = top, math.inf
    for n1 in range(top, bottom - 1, -1):
        error = float(((values - round_to_powers(values, powers_of_two(bits, n1))) ** 2).sum())
        if error < least:
            best, least = n1, error
    return best


def round_to_powers(values: Tensor, book: PowersOfTwo) -> Tensor:
    """Rounds float64 values to the levels (Eq. 4): zero below 2^(n2 - 1), midpoints up, clamped to ±2^n1."""
    thresholds = torch.tensor(book.thresholds, dtype=torch.float64, device=values.device)
    levels = torch.tensor((0.0, *book.magnitudes), dtype=torch.float64, device=values.device)
    digits = torch.bucketize(values.abs(), thresholds, right=True)
    return torch.where(values < 0, -levels[digits], levels[digits])


@dataclass(frozen=True)
class LevelTable:
    """Levels that a row of weights may have, ascending, and the numbers halfway between neighbours."""

    levels: tuple[float, ...]
    midpoints: tuple[float, ...]


def level_table(levels: Sequence[float]) -> LevelTable:
    """Makes the table of some ascending levels."""
    own = tuple(float(level) for level in levels)
    return LevelTable(own, tuple((b + a) / 2 for a, b in zip(own, own[1:])))


def power_levels(bits: int, n1: int) -> tuple[float, ...]:
    """Lists zero and the signed powers of two of a width, ascending."""
    magnitudes = powers_of_two(bits, n1).magnitudes
    return (*(-m for m in reversed(magnitudes)), 0.0, *magnitudes)


def _both(sizes: Sequence[int], more: int) -> tuple[int, ...]:
    return (*(-m for m in reversed(sizes)), 0, *sizes, more)


def _with_mirrors(tables: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(one for table in tables for one in (tuple(table), tuple(-level for level in reversed(table))))


_SIX = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 17, 18, 20, 24, 28, 30, 31, 32, 33, 34, 36, 40, 48, 56, 60, 62, 63)

#: Integers that are sums of at most two signed powers of two, by width: a channel has the table that errs least.
TWO_TERM: dict[int, tuple[tuple[int, ...], ...]] = {
    2: (*_with_mirrors([(-1, 0, 1, 2)]), (-3, -1, 1, 3)),
    3: _with_mirrors([_both((1, 2, 4), 6), _both((1, 2, 3), 4)]),
    4: _with_mirrors([_both((1, 2, 3, 4, 6, 8, 12), 16), _both((1, 2, 3, 4, 5, 6, 7), 8)]),
    5: _with_mirrors([_both((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24), 28)]),
    6: _with_mirrors([_both(_SIX, 64)]),
}


def fit_scales(rows: Tensor, tables: Sequence[LevelTable]) -> tuple[Tensor, Tensor]:
    """Finds for every row the table and the scale with the least sum of squared errors, as src/quantize/scale-fits.ts does.

    A row with a weight of 0, such as a pruned one, takes a table that has a level 0, if there is one.

    Returns float64 scales and the numbers of the tables.
    """
    rows = rows.detach().double()
    count, depth = rows.shape
    largest = rows.abs().amax(dim=1)
    idle = 1.0 if 0.0 in tables[0].levels else SMALLEST_SCALE
    scales = torch.full((count,), idle, dtype=torch.float64, device=rows.device)
    of = torch.zeros(count, dtype=torch.long, device=rows.device)
    alive = largest >= SMALLEST_WEIGHT
    # room for the sums over 4097 intervals of as many rows at a time
    for part in torch.nonzero(alive).flatten().split(1024):
        scales[part], of[part] = _fit_some(rows[part], largest[part], tables)
    return scales, of


def _fit_some(rows: Tensor, largest: Tensor, tables: Sequence[LevelTable]) -> tuple[Tensor, Tensor]:
    count = rows.shape[0]
    share = rows / largest[:, None]
    bins = 1 + torch.clamp(torch.floor((share + 1) * (BINS / 2)), max=BINS - 1).long()
    sums = torch.zeros(2, count, BINS + 1, dtype=torch.float64, device=rows.device)
    sums[0].scatter_add_(1, bins, torch.ones_like(share))
    sums[1].scatter_add_(1, bins, share)
    mass, moment = sums.cumsum(dim=2)
    least = torch.full((count,), math.inf, dtype=torch.float64, device=rows.device)
    scales = torch.ones_like(least)
    of = torch.zeros(count, dtype=torch.long, device=rows.device)
    needs_zero = (rows == 0).any(dim=1) & any(0.0 in table.levels for table in tables)
    for t, table in enumerate(tables):
        fitting = ~needs_zero if 0.0 not in table.levels else torch.ones_like(needs_zero)
        levels = torch.tensor(table.levels, dtype=torch.float64, device=rows.device)
        midpoints = torch.tensor(table.midpoints, dtype=torch.float64, device=rows.device)
        top = min(-table.levels[0], table.levels[-1])
        end = top if top > 0 else max(-table.levels[0], table.levels[-1])
        for step in range(-STEPS_PER_OCTAVE // 4, STEPS_PER_OCTAVE * OCTAVES + 1):
            scale = (largest / end) * 2.0 ** (-step / STEPS_PER_OCTAVE)
            own = (scale / largest)[:, None]
            ends = torch.floor((midpoints * own + 1) * (BINS / 2) + 0.5).clamp(0, BINS).long()
            zero = torch.zeros(count, 1, dtype=torch.long, device=rows.device)
            edges = torch.cat((zero, torch.cummax(ends, dim=1).values, zero + BINS), dim=1)
            weight = mass.gather(1, edges).diff(dim=1)
            product = moment.gather(1, edges).diff(dim=1)
            level = levels * own
            error = (level * (level * weight - 2 * product)).cumsum(dim=1)[:, -1]
            better = (error < least) & fitting
            least = torch.where(better, error, least)
            scales = torch.where(better, scale, scales)
            of = torch.where(better, torch.full_like(of, t), of)
    return scales, of


def round_to_table(values: Tensor, table: LevelTable) -> Tensor:
    """Rounds float64 values to the nearest level; a midpoint goes up."""
    midpoints = torch.tensor(table.midpoints, dtype=torch.float64, device=values.device)
    levels = torch.tensor(table.levels, dtype=torch.float64, device=values.device)
    return levels[torch.bucketize(values, midpoints, right=True)]
