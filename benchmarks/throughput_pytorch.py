"""The same layers, objective, optimizers and average in PyTorch, as `benchmarks.throughput` runs them; see there.

    python -m benchmarks.throughput_pytorch JOB

Needs PyTorch alone, so that it may live in an environment of its own. Tensors are channels_last, which was measured to
be the quicker way; the fused Adam, and real and generated images as one batch, made no difference. JOB is as in
`benchmarks.throughput_tensorflow`.
"""

from __future__ import annotations

import itertools
import json
import sys
import types
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

_FINEST_CHANNELS, _MOST_CHANNELS = 32, 256


def channels(level: int) -> int:
    return min(_FINEST_CHANNELS << level, _MOST_CHANNELS)


def halvings(pixels: int) -> list[int]:
    sizes = [pixels]
    while len(sizes) < 2 or sizes[-1] > 8:
        sizes.append(-(-sizes[-1] // 2))
    return sizes


def batch_norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def make_generator(sizes: list[int], latent_dim: int) -> nn.Module:
    """Latents [B, latent_dim] -> images [B, 1, pixels, pixels] in [-1, 1], as aigc_tf/families/gan/networks/lean.py."""
    coarsest = len(sizes) - 1
    shape = (channels(coarsest), sizes[-1], sizes[-1])
    units = shape[0] * shape[1] * shape[2]
    layers: list[nn.Module] = [nn.Linear(latent_dim, units, bias=False), nn.BatchNorm1d(units, 1e-3, 0.01)]
    layers += [nn.ReLU(), nn.Unflatten(1, shape)]
    for level in reversed(range(coarsest)):
        layers += [nn.Conv2d(channels(level + 1), channels(level), 3, padding=1, bias=False)]
        layers += [nn.Upsample(sizes[level], mode="bilinear"), batch_norm(channels(level)), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(channels(0), 1, 3, padding=1), nn.Tanh())


def make_discriminator(sizes: list[int]) -> nn.Module:
    """Images [B, 1, pixels, pixels] -> logits [B, 1], as aigc_tf/families/gan/networks/lean.py."""
    layers: list[nn.Module] = []
    inputs = 1
    for level, size in enumerate(sizes):
        padding = 2 if size % 2 else 1  # an odd size gives its half, rounded up, as "same" does in TensorFlow
        layers += [nn.Conv2d(inputs, channels(level), 4, 2, padding), nn.LeakyReLU(0.2)]
        inputs, last = channels(level), -(-size // 2)
    hidden = channels(len(sizes) - 1)
    layers += [nn.Flatten(), nn.Linear(inputs * last * last, hidden), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(hidden, 1))


def make_adam(network: nn.Module, rate: float, job: types.SimpleNamespace) -> torch.optim.Optimizer:
    return torch.optim.Adam(network.parameters(), rate, (job.beta_1, job.beta_2), eps=1e-7, fused=True)


def make_step(
    generator: nn.Module, average: nn.Module, discriminator: nn.Module, job: types.SimpleNamespace
) -> Callable[[bool], None]:
    """`step(with_penalty)`: one update of each network and of the average, on random training images."""
    batch, keep = job.global_batch_size, 0.5 ** (job.global_batch_size / job.ema_half_life)
    generator_optimizer = make_adam(generator, job.generator_learning_rate, job)
    discriminator_optimizer = make_adam(discriminator, job.discriminator_learning_rate, job)
    averaged, trained = (
        [value for value in network.state_dict().values() if value.is_floating_point()]
        for network in (average, generator)
    )
    images = torch.rand(job.num_images, 1, job.pixels, job.pixels).mul_(2).sub_(1)

    def step(with_penalty: bool) -> None:
        real = images[torch.randint(job.num_images, (batch,))].requires_grad_(with_penalty)
        fake = generator(torch.randn(batch, job.latent_dim))
        seen = fake.detach().requires_grad_()
        real_logits, fake_logits = discriminator(real), discriminator(seen)
        loss = (functional.softplus(-real_logits) + functional.softplus(fake_logits)).mean()
        if with_penalty:
            (slope,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
            r1 = slope.square().sum([1, 2, 3]).mean() / 2
            loss = loss + job.penalty_interval * job.penalty_weight * r1
        discriminator_optimizer.zero_grad()
        loss.backward()
        discriminator_optimizer.step()

        generator_optimizer.zero_grad()
        # The gradient of softplus(-fake_logits) by the fakes, since that of softplus(fake_logits) is there.
        fake.backward(seen.grad * -torch.exp(-fake_logits.detach()).view(-1, 1, 1, 1))
        generator_optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(averaged, trained, 1 - keep)

    return step


def train(job: types.SimpleNamespace) -> None:
    """Step for ever, and tell the steps done; first of all the size of the networks."""
    torch.set_num_threads(job.cores)
    sizes = halvings(job.pixels)
    generator, average = (make_generator(sizes, job.latent_dim).to(memory_format=torch.channels_last) for _ in range(2))
    average.load_state_dict(generator.state_dict())
    discriminator = make_discriminator(sizes).to(memory_format=torch.channels_last)
    step = make_step(generator, average, discriminator, job)
    parameters = [sum(weight.numel() for weight in network.parameters()) for network in (generator, discriminator)]
    with open(job.file, "a", buffering=1) as file:
        file.write(json.dumps({"step": 0, "parameters": parameters}) + "\n")
        for done in itertools.count(1):
            step(done % job.penalty_interval == 0)
            if done % job.tell_every == 0:
                file.write(json.dumps({"step": done}) + "\n")


if __name__ == "__main__":
    train(types.SimpleNamespace(**json.loads(sys.argv[1])))
