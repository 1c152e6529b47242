"""PyTorch twins of the networks, built from the stage tables, with parameters under the released names.

They stand in for the original in tests and benchmarks: same layers, same order, same names.
"""

import numpy as np
import torch
from torch import nn


class _Named(nn.Module):
    """Holds its layers under `body`, as the released parameter names want."""

    def __init__(self, *layers: nn.Module, residual: bool = False) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)
        self.residual = residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + x if self.residual else self.body(x)


def _unit(in_features: int, out_features: int, batch_norm: bool) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Conv1d(in_features, out_features, 3, padding=1), nn.PReLU()]
    return [*layers, nn.BatchNorm1d(out_features)] if batch_norm else layers


class TorchResUNet1D(nn.Module):
    """[N, L] to [N, L], as ResUNet1D."""

    def __init__(self, length: int = 500, width: int = 64, batch_norm: bool = True) -> None:
        super().__init__()

        def stage(in_features: int, features: int, out_features: int | None = None) -> nn.Sequential:
            repeated = [layer for _ in range(3) for layer in _unit(features, features, batch_norm)]
            parts = [_Named(*_unit(in_features, features, batch_norm)), _Named(*repeated, residual=True)]
            if out_features is not None:
                parts.append(_Named(*_unit(features, out_features, batch_norm)))
            return nn.Sequential(*parts)

        self.conv1 = stage(1, width)
        self.conv2 = stage(width, 2 * width)
        self.conv3 = stage(2 * width, 4 * width, 2 * width)
        self.conv4 = stage(4 * width, 2 * width, width)
        self.conv5 = stage(2 * width, width)
        self.conv6 = nn.Sequential(_Named(*_unit(width, 1, batch_norm)))
        head = [layer for _ in range(3) for layer in (nn.Linear(length, length), nn.PReLU())]
        self.linear7 = _Named(*head)
        self.pool = nn.MaxPool1d(2)
        self.up = nn.Upsample(scale_factor=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        full = self.conv1(x[:, None, :])
        half = self.conv2(self.pool(full))
        raised = self.up(self.conv3(self.pool(half)))
        raised = self.up(self.conv4(torch.cat([half, raised], dim=1)))
        out = self.conv6(self.conv5(torch.cat([full, raised], dim=1)))
        return self.linear7(out)[:, 0, :]


class _Attention(nn.Module):
    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        squeezed = width // reduction
        self.chan_attn = nn.Sequential(
            nn.Conv2d(width, squeezed, 1), nn.ReLU(), nn.Conv2d(squeezed, width, 1), nn.Sigmoid()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.chan_attn(x.mean((2, 3), keepdim=True))


def _conv(in_features: int, out_features: int) -> nn.Conv2d:
    return nn.Conv2d(in_features, out_features, 3, padding=1)


class TorchHyRISR(nn.Module):
    """[N, h, w, L] to [N, s*h, s*w, L], as HyRISR (channels last outside, as PyTorch likes inside)."""

    def __init__(
        self,
        scale: int = 4,
        length: int = 500,
        width: int = 250,
        groups: int = 18,
        blocks: int = 6,
        reduction: int = 16,
    ) -> None:
        super().__init__()
        upsampler: list[nn.Module] = []
        for factor in {2: [2], 3: [3], 4: [2, 2]}[scale]:
            upsampler += [_conv(length, length * factor**2), nn.PixelShuffle(factor)]
        self.head1 = nn.Sequential(nn.Sequential(*upsampler), _conv(length, length))
        self.head2 = nn.Sequential(_conv(length, width))

        def block() -> nn.Module:
            attention = _Attention(width, reduction)
            return _Named(_conv(width, width), nn.ReLU(), _conv(width, width), attention, residual=True)

        def group() -> nn.Module:
            return _Named(*(block() for _ in range(blocks)), _conv(width, width), residual=True)

        self.body = nn.Sequential(*(group() for _ in range(groups)), _conv(width, width))
        self.tail = nn.Sequential(_conv(width, width), _conv(width, length))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        upsampled = self.head1(x.permute(0, 3, 1, 2))
        features = self.head2(upsampled)
        out = self.tail(features + self.body(features)) + upsampled
        return out.permute(0, 2, 3, 1)


def randomize(net: nn.Module, seed: int) -> None:
    """Give PReLU slopes, BatchNorm parameters and running statistics values that matter."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(like: torch.Tensor, low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(like.shape, generator=generator)

    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.PReLU):
                module.weight.copy_(uniform(module.weight, -0.1, 0.6))
            elif isinstance(module, nn.BatchNorm1d):
                module.weight.copy_(uniform(module.weight, 0.5, 1.5))
                module.bias.copy_(uniform(module.bias, -0.3, 0.3))
                module.running_mean.copy_(uniform(module.running_mean, -0.2, 0.2))
                module.running_var.copy_(uniform(module.running_var, 0.2, 1.2))


def numpy_state_dict(net: nn.Module) -> dict[str, np.ndarray]:
    """The network's state dict as NumPy arrays (copies)."""
    return {name: tensor.detach().numpy().copy() for name, tensor in net.state_dict().items()}
