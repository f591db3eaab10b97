"""ranks.py: what the ranks of a distributed run have to agree on."""

from __future__ import annotations

from typing import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from .errors import ShiftwiseError


def _running() -> bool:
    return dist.is_available() and dist.is_initialized()


def world_size() -> int:
    """Returns the number of ranks; 1 where nothing is distributed."""
    return dist.get_world_size() if _running() else 1


def is_first() -> bool:
    """Tells whether this is the rank that decides."""
    return not _running() or dist.get_rank() == 0


def broadcast_from_first(tensors: Sequence[Tensor]) -> None:
    """Gives all ranks the first rank's values, in place."""
    for tensor in tensors:
        dist.broadcast(tensor, 0)


def check_agreement(tensors: Sequence[Tensor], portion: int) -> None:
    """Raises DISAGREE on every rank unless all have the same bits in these float32 tensors, and are at the same portion."""
    device = tensors[0].device
    words = [portion]
    for tensor in tensors:
        bits = tensor.detach().contiguous().view(torch.int32).flatten().long()
        places = torch.arange(1, bits.numel() + 1, device=bits.device)
        words += [int(bits.sum()), int((bits * (places % 65521)).sum())]
    own = torch.tensor(words, dtype=torch.long, device=device)
    every = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(every, own)
    other = [rank for rank, theirs in enumerate(every) if not torch.equal(theirs, every[0])]
    if other:
        raise ShiftwiseError(
            "DISAGREE",
            "ranks have different weights or portions",
            where=f"rank {dist.get_rank()}",
            expected="one model, wrapped in DistributedDataParallel, loaded from one checkpoint",
            found=f"ranks {', '.join(map(str, other))} differ from rank 0",
        )


def counted_by_all(counts: Tensor, low: float, high: float, device: torch.device) -> tuple[Tensor, float, float]:
    """Adds up the counts of all ranks, and finds the least and the largest value of any."""
    if world_size() == 1:
        return counts, low, high
    total = counts.to(device)
    dist.all_reduce(total)
    ends = torch.tensor([-low, high], dtype=torch.float64, device=device)
    dist.all_reduce(ends, op=dist.ReduceOp.MAX)
    return total.cpu(), -float(ends[0]), float(ends[1])
