"""networks.py: small networks for the tests."""

import torch
from torch import nn


class Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, channels):
        super().__init__()
        self.a = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.na = nn.BatchNorm2d(channels)
        self.b = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.nb = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()

    def forward(self, x):
        y = self.relu(self.na(self.a(x)))
        return self.relu(self.nb(self.b(y)) + x)


class Branched(nn.Module):
    """A convolution, a block, a concatenation, a depthwise and a transposed convolution, and a linear layer."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU()
        self.block = Block(8)
        self.pool = nn.MaxPool2d(2)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.up = nn.ConvTranspose2d(16, 6, 2, stride=2)
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.2)
        self.last = nn.Linear(6, 10)

    def forward(self, x):
        x = self.relu(self.norm(self.first(x)))
        both = torch.cat([self.pool(x), self.pool(self.block(x))], 1)
        up = self.relu(self.up(self.relu(self.depthwise(both))))
        return self.last(self.dropout(torch.flatten(self.mean(up), 1)))


def branched(seed=0):
    """Makes the network with statistics of some batches."""
    torch.manual_seed(seed)
    model = Branched()
    with torch.no_grad():
        for _ in range(4):
            model(torch.randn(16, 3, 8, 8))
        model.last.weight.mul_(4)
    return model
