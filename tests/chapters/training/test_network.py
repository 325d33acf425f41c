"""The network and its tangent kernel against automatic differentiation."""

import math

import numpy as np
import pytest
import torch

from sharpbound.chapters.training.network import Network, features
from sharpbound.errors import InputError


def torch_output(network, hidden, z):
    scale = math.sqrt(2 / network.width)
    h = scale * torch.relu(torch.from_numpy(z @ network.first.T))
    for layer in hidden:
        h = scale * torch.relu(h @ layer.T)
    return h @ torch.from_numpy(network.last).T


@pytest.fixture(params=[(1, 1), (2, 3)], ids=["d1-depth1", "d2-depth3"])
def case(request):
    dim, depth = request.param
    rng = np.random.default_rng(0)
    z = features(rng.standard_normal((5, dim)), np.geomspace(0.2, 4, 5))
    return Network.initial(dim, 24, depth, seed=1), z


def test_output_and_gradient(case):
    network, z = case
    hidden = torch.from_numpy(network.hidden).requires_grad_()
    output = torch_output(network, hidden, z)
    np.testing.assert_allclose(network(z), output.detach().numpy(), rtol=1e-12, atol=1e-12)
    direction = np.random.default_rng(1).standard_normal(output.shape)
    (expected,) = torch.autograd.grad((output * torch.from_numpy(direction)).sum(), hidden)
    np.testing.assert_allclose(network.gradient(network.forward(z), direction), expected.numpy(), atol=1e-12)


def test_tangent_kernel_is_the_gram_matrix_of_the_jacobian(case):
    network, z = case
    hidden = torch.from_numpy(network.hidden)
    jacobian = torch.autograd.functional.jacobian(lambda h: torch_output(network, h, z), hidden)
    rows = jacobian.reshape(z.shape[0] * len(network.last), -1).numpy()
    np.testing.assert_allclose(network.tangent_kernel(z), rows @ rows.T, rtol=1e-11, atol=1e-11)


def test_kernel_settles_with_width():
    z = features(np.random.default_rng(0).standard_normal((4, 1)), np.geomspace(0.2, 4, 4))
    spread = []
    for width in (64, 1024):
        kernels = np.array([Network.initial(1, width, 1, seed).tangent_kernel(z) for seed in range(12)])
        spread.append(float((kernels.std(0) / kernels.mean(0)).mean()))
    # fluctuations fall as width^-1/2: by 4; half of that allows for twelve seeds
    assert spread[1] < spread[0] / 2


def test_kernel_is_positive_definite_on_distinct_inputs():
    z = features(np.random.default_rng(0).standard_normal((6, 2)), np.geomspace(0.2, 4, 6))
    assert np.linalg.eigvalsh(Network.initial(2, 512, 2, seed=0).tangent_kernel(z))[0] > 0


def test_refusals():
    with pytest.raises(InputError, match="width"):
        Network.initial(1, 0, 1, seed=0)


@pytest.mark.parametrize("depth", [1, 3])
def test_the_network_is_linear_between_its_kinks(depth):
    network, sigma = Network.initial(1, 12, depth, seed=2), 0.8
    kinks = network.kinks(sigma, -4.0, 5.0)
    assert len(kinks) > 8
    x = np.linspace(-4, 5, 1001)
    at_kinks, everywhere = (network(features(y[:, None], np.full(len(y), sigma)))[:, 0] for y in (kinks, x))
    np.testing.assert_allclose(np.interp(x, kinks, at_kinks), everywhere, rtol=0, atol=1e-12)
