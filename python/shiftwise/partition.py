"""partition.py: which weights of a layer are put on the grid next (INQ section 2.2), as src/quantize/partition.ts chooses them."""

from __future__ import annotations

import math
from typing import Sequence

import torch
from torch import Tensor

from .errors import ShiftwiseError
from .given import given_numbers

_MASK = 0xFFFFFFFF


def check_portions(portions: Sequence[float]) -> tuple[float, ...]:
    """Returns accumulated shares that rise to exactly 1. Raises BAD_OPTION naming the first that breaks this."""
    before = 0.0
    portions = given_numbers(portions, "portions")
    for i, portion in enumerate(portions):
        if not before < portion <= 1:
            raise ShiftwiseError(
                "BAD_OPTION",
                "portions must rise",
                where=f"portions[{i}]",
                expected=f"a share above {before} and at most 1",
                found=portion,
            )
        before = float(portion)
    if before != 1:
        raise ShiftwiseError(
            "BAD_OPTION", "the last portion must be 1", where="portions", found=before if portions else "no portions"
        )
    return tuple(float(portion) for portion in portions)


def frozen_count(count: int, portion: float) -> int:
    """Returns how many of a layer's weights are on the grid at an accumulated portion: the nearest integer, halves up."""
    return count if portion == 1 else math.floor(portion * count + 0.5)


def select_largest(weight: Tensor, frozen: Tensor, count: int) -> Tensor:
    """Chooses the largest magnitudes among the weights not yet frozen, of equal ones the lower index first; rising indices."""
    free = torch.nonzero(~frozen.flatten()).flatten()
    order = torch.sort(weight.flatten()[free].abs(), descending=True, stable=True).indices
    return free[order[:count]].sort().values


def select_random(frozen: Tensor, count: int, random: "Random") -> Tensor:
    """Chooses so many of the weights not yet frozen, each subset as likely as any other; rising indices."""
    free = torch.nonzero(~frozen.flatten()).flatten()
    order = random.shuffled(free.tolist())
    return torch.tensor(order[:count], dtype=torch.long, device=free.device).sort().values


class Random:
    """Seeded random numbers: xoshiro128** (Blackman and Vigna 2018), the stream of src/base/random.ts."""

    def __init__(self, seed: int) -> None:
        self._s: list[int] = []
        a = seed & _MASK
        for _ in range(4):
            a = (a + 0x9E3779B9) & _MASK
            z = ((a ^ (a >> 16)) * 0x85EBCA6B) & _MASK
            z = ((z ^ (z >> 13)) * 0xC2B2AE35) & _MASK
            self._s.append(z ^ (z >> 16))

    def uint32(self) -> int:
        """Draws an integer in 0..2^32 - 1."""
        s = self._s
        result = (_rotate((s[1] * 5) & _MASK, 7) * 9) & _MASK
        t = (s[1] << 9) & _MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = _rotate(s[3], 11)
        return result

    def below(self, n: int) -> int:
        """Draws an integer in 0..n - 1, every one equally likely."""
        limit = 2**32 - 2**32 % n
        x = self.uint32()
        while x >= limit:
            x = self.uint32()
        return x % n

    def shuffled(self, items: list[int]) -> list[int]:
        """Returns the list shuffled (Fisher-Yates)."""
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]
        return items


def _rotate(x: int, bits: int) -> int:
    return ((x << bits) | (x >> (32 - bits))) & _MASK
