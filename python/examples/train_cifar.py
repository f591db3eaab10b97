"""train_cifar.py: a trained network retrained with INQ, on one process or many, and written as ONNX.

    python3 examples/train_cifar.py --data cifar-10-batches-bin --float float.pt --bits 5 --out model.onnx
    torchrun --nproc_per_node 2 examples/train_cifar.py ...the same...

``--data`` is the binary version of CIFAR-10, a folder with Fashion-MNIST's four files, or the word synthetic. Without ``--float`` a float
network is trained first. After every epoch rank 0 writes a checkpoint, from which ``--resume`` goes on to the same weights. The
batch is that of all ranks together. Batch norm keeps its running statistics while weights are quantized, so that the number of ranks changes
nothing but the last bits.
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from shiftwise import INQ, Linear, export_onnx, prepare  # noqa: E402

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Block(nn.Module):
    """Two convolutions and a shortcut, which a 1x1 convolution brings to the right size."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.downsample = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            if stride > 1
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class ResNet20(nn.Module):
    """The residual network of 20 layers for pictures of 32 pixels."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU()
        widths = (16, 16, 32, 64)
        for k in (1, 2, 3):
            blocks = [Block(widths[k - 1] if i == 0 else widths[k], widths[k], 2 if i == 0 and k > 1 else 1) for i in range(3)]
            setattr(self, f"layer{k}", nn.Sequential(*blocks))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer3(self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x))))))
        return self.fc(torch.flatten(self.pool(x), 1))


def small(channels: int, classes: int = 10) -> nn.Module:
    """Makes a network of three convolutions, for Fashion-MNIST."""

    def part(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        *part(channels, 16), nn.MaxPool2d(2), *part(16, 32), nn.MaxPool2d(2), *part(32, 64),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes),
    )  # fmt: skip


def read_cifar(folder: Path, train: bool) -> tuple[Tensor, Tensor]:
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] if train else ["test_batch.bin"]
    rows = torch.cat([torch.frombuffer(bytearray((folder / name).read_bytes()), dtype=torch.uint8).view(-1, 3073) for name in names])
    return rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0].long()


def read_idx(folder: Path, train: bool) -> tuple[Tensor, Tensor]:
    kind = "train" if train else "t10k"
    images, labels = (gzip.decompress((folder / f"{kind}-{part}-ubyte.gz").read_bytes()) for part in ("images-idx3", "labels-idx1"))
    pixels = torch.frombuffer(bytearray(images[16:]), dtype=torch.uint8).reshape(-1, 1, 28, 28)
    return pixels, torch.frombuffer(bytearray(labels[8:]), dtype=torch.uint8).long()


def synthetic(train: bool) -> tuple[Tensor, Tensor]:
    """Makes pictures of coloured stripes, whose class is their direction and colour."""
    rng = torch.Generator().manual_seed(1 if train else 2)
    labels = torch.randint(10, (512 if train else 128,), generator=rng)
    wave = torch.sin(torch.arange(32.0) * (1 + labels[:, None] % 5))
    pictures = wave[:, None, None, :].expand(-1, 3, 32, 32).clone()
    pictures[labels > 4] = pictures[labels > 4].transpose(2, 3)
    noise = torch.randn(pictures.shape, generator=rng)
    return ((pictures * 60 + noise * 40 + 128).clamp(0, 255)).to(torch.uint8), labels


def open_data(name: str, train: bool) -> tuple[Tensor, Tensor]:
    if name == "synthetic":
        return synthetic(train)
    folder = Path(name)
    return read_cifar(folder, train) if (folder / "test_batch.bin").exists() else read_idx(folder, train)


def normalized(pixels: Tensor) -> Tensor:
    count = pixels.shape[1]
    mean, std = (torch.tensor(one[:count]).view(-1, 1, 1) for one in (MEAN, STD))
    return (pixels.float() / 255 - mean) / std


def augmented(pixels: Tensor, rng: random.Random) -> Tensor:
    """Shifts by up to two pixels and flips, each picture by itself."""
    padded = F.pad(pixels, (2, 2, 2, 2))
    size = pixels.shape[-1]
    made = []
    for one in padded:
        y, x = rng.randrange(5), rng.randrange(5)
        cut = one[:, y : y + size, x : x + size]
        made.append(cut.flip(2) if rng.random() < 0.5 else cut)
    return torch.stack(made)


def accuracy(model: nn.Module, pixels: Tensor, labels: Tensor) -> float:
    model.eval()
    with torch.no_grad():
        right = sum(int((model(normalized(x)).argmax(1) == y).sum()) for x, y in zip(pixels.split(256), labels.split(256)))
    return right / len(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--float", type=Path, help="state_dict of the float network; written where there is none")
    parser.add_argument("--float-epochs", type=int, default=4)
    parser.add_argument("--bits", type=int, default=5)
    parser.add_argument("--scale", default="layer", choices=("layer", "channel"))
    parser.add_argument("--activations", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=2, help="after each portion but the last")
    parser.add_argument("--portions", type=float, nargs="+", default=[0.5, 0.75, 0.875, 1])
    parser.add_argument("--compensate", type=int, default=256, help="training images that portions are rounded on; 0: none")
    parser.add_argument("--batch", type=int, default=128, help="of all ranks together")
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--limit", type=int, help="training images that are used")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()

    many = "WORLD_SIZE" in os.environ and int(os.environ["WORLD_SIZE"]) > 1
    if many:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    rank, ranks = (dist.get_rank(), dist.get_world_size()) if many else (0, 1)
    say = print if rank == 0 else lambda *_, **__: None
    if options.batch % ranks:
        raise SystemExit(f"--batch {options.batch} is no multiple of {ranks} ranks")
    torch.manual_seed(options.seed)

    pixels, labels = (one[: options.limit] for one in open_data(options.data, True))
    test = open_data(options.data, False)
    model: nn.Module = ResNet20() if pixels.shape[1] == 3 else small(pixels.shape[1])

    def epoch(trained: nn.Module, optimizer: torch.optim.Optimizer, number: int, frozen: bool) -> float:
        """Trains an epoch: every rank takes its part of each batch."""
        trained.train()
        if frozen:
            for module in trained.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(1000 * options.seed + number))
        total, steps = 0.0, len(pixels) // options.batch
        for step in range(steps):
            mine = order[step * options.batch : (step + 1) * options.batch]
            rng = random.Random(f"{options.seed} {number} {step}")
            x = augmented(pixels[mine], rng).chunk(ranks)[rank]
            loss = F.cross_entropy(trained(normalized(x)), labels[mine].chunk(ranks)[rank])
            optimizer.zero_grad()
            loss.backward()
            # with frozen statistics the steps behind a coarse portion can outgrow each other
            nn.utils.clip_grad_norm_(trained.parameters(), 2.0)
            optimizer.step()
            mean = loss.detach().clone()
            if many:
                dist.all_reduce(mean)
            total += float(mean) / ranks
        return total / max(steps, 1)

    if options.float and options.float.exists():
        model.load_state_dict(torch.load(options.float))
    else:
        # every rank by itself, alike: for a network from scratch, train it as you always do
        ranks_now, many_now, ranks, many, rank_now, rank = ranks, many, 1, False, rank, 0
        optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.float_epochs)
        for number in range(options.float_epochs):
            say(f"float epoch {number}: loss {epoch(model, optimizer, number, False):.4f}", flush=True)
            schedule.step()
        ranks, many, rank = ranks_now, many_now, rank_now
        if options.float and rank == 0:
            torch.save(model.state_dict(), options.float)
    say(f"float: {accuracy(model, *test):.4f}", flush=True)

    prepared = prepare(model, normalized(pixels[:512]), Linear(options.activations))
    samples = [normalized(pixels[: options.compensate])] if options.compensate else None
    inq = INQ(prepared, options.bits, options.portions, scale=options.scale, compensate=samples)
    optimizer = torch.optim.SGD(prepared.parameters(), options.lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
    trained = DistributedDataParallel(prepared) if many else prepared
    epochs = options.epochs * (len(options.portions) - 1)
    start = 0
    if options.resume:
        saved = torch.load(options.checkpoint)
        prepared.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        start = saved["epoch"]
    for number in range(start, epochs):
        if number % options.epochs == 0:
            report = inq.step()
            say(f"portion {report.portion}: {report.share:.4f} of the weights on their grids", flush=True)
        for group in optimizer.param_groups:
            group["lr"] = options.lr * (1 - number / epochs)
        say(f"epoch {number}: loss {epoch(trained, optimizer, 100 + number, True):.6f}", flush=True)
        if rank == 0 and options.checkpoint:
            part = options.checkpoint.with_suffix(".part")
            torch.save({"model": prepared.state_dict(), "optimizer": optimizer.state_dict(), "epoch": number + 1}, part)
            os.replace(part, options.checkpoint)
    while not inq.done:
        inq.step()
    say(f"quantized: {accuracy(prepared, *test):.4f}", flush=True)
    if rank == 0 and options.out:
        export_onnx(prepared, options.out, normalized(test[0][:1]), normalization=(MEAN[: pixels.shape[1]], STD[: pixels.shape[1]]))
        torch.save(prepared.state_dict(), options.out.with_suffix(".pt"))
    if many:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
