"""The preconditioner as an operator: its gains by hand, and its properties."""

import math

import pytest
import torch
from torch import Tensor

from stylize_core.engine.optimisers.lbfgs import Lbfgs
from stylize_core.engine.optimisers.plbfgs import PreconditionedLbfgs
from stylize_core.engine.precondition import OBSERVED, Preconditioner, cosines

SHAPE = (2, 3, 12, 20)


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Seeded normal numbers, float64."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def settled(seed: int = 1) -> Preconditioner:
    """A preconditioner that has observed all the gradients that it needs, stronger on the right than on the left."""
    preconditioner = Preconditioner(noise(*SHAPE))
    for k in range(OBSERVED):
        preconditioner.observe(noise(*SHAPE, seed=seed + k) * torch.logspace(-2, 1, SHAPE[-1], dtype=torch.float64))
    return preconditioner


def matrix(preconditioner: Preconditioner) -> Tensor:
    """The operator of sample 0 written out, (720, 720)."""
    size = math.prod(SHAPE[1:])
    unit = torch.eye(size, dtype=torch.float64).view(size, 1, *SHAPE[1:]).expand(-1, SHAPE[0], -1, -1, -1)
    return torch.stack([preconditioner(column)[0].flatten() for column in unit], 1)


def test_cosines_are_orthonormal_and_the_first_is_flat() -> None:
    """Transform and transpose cancel; frequency 0 is the mean."""
    transform = cosines(7)
    torch.testing.assert_close(transform @ transform.T, torch.eye(7, dtype=torch.float64))
    torch.testing.assert_close(transform[0], torch.full((7,), 7**-0.5, dtype=torch.float64))


def test_gains_by_hand() -> None:
    """A grey wave of 1/4 cycles per pixel gets 1 + 0.32^1.6, a coloured one 8 times that; flat grey 1 + 2.56^1.6."""
    preconditioner = Preconditioner(torch.zeros(1, 3, 16, 16, dtype=torch.float64))
    wave, gain = cosines(16)[8].expand(3, 16, 16)[None], 1 + (0.08 / 0.25) ** 1.6
    torch.testing.assert_close(preconditioner(wave), wave * gain)
    coloured = wave * torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64)[:, None, None]
    torch.testing.assert_close(preconditioner(coloured), coloured * 8 * gain)
    flat = torch.ones_like(wave)
    torch.testing.assert_close(preconditioner(flat), flat * (1 + (0.08 * 32) ** 1.6))


def test_the_gains_are_bounded() -> None:
    """However large the image, no frequency exceeds the limits: 30 for grey, 8 x 6 for colour."""
    flat = torch.ones(1, 3, 4, 4096, dtype=torch.float64)
    torch.testing.assert_close(Preconditioner(flat)(flat), 30 * flat)
    red = flat * torch.tensor([2.0, -1, -1], dtype=torch.float64)[:, None, None]
    torch.testing.assert_close(Preconditioner(red)(red), 48 * red)


@pytest.mark.parametrize("before", [True, False])
def test_symmetric_and_positive(before: bool) -> None:
    """P is symmetric with positive eigenvalues, before and after it has settled."""
    p = matrix(Preconditioner(noise(*SHAPE)) if before else settled())
    torch.testing.assert_close(p, p.T, rtol=1e-10, atol=1e-10)
    assert torch.linalg.eigvalsh(p).min() > 0.05


def test_quiet_regions_reach_further() -> None:
    """Once settled, the same gradient moves a quiet pixel more than a busy one."""
    point = torch.zeros(SHAPE, dtype=torch.float64)
    point[..., 6, 1] = point[..., 6, 18] = 1
    moved = settled()(point)
    assert (moved[..., 6, 1] > 5 * moved[..., 6, 18]).all()


def test_settles_once() -> None:
    """P changes with the fifth gradient, and never again."""
    preconditioner, gradient = Preconditioner(noise(*SHAPE)), noise(*SHAPE, seed=9)
    changes, images = [], []
    for k in range(OBSERVED + 3):
        changes.append(bool(preconditioner.observe((k + 1) * noise(*SHAPE, seed=k))))
        images.append(preconditioner(gradient))
    assert [k for k, changed in enumerate(changes, 1) if changed] == [OBSERVED]
    assert all(torch.equal(image, images[0]) for image in images[: OBSERVED - 1])
    assert all(torch.equal(image, images[-1]) for image in images[OBSERVED - 1 :])
    assert not torch.equal(images[0], images[-1])


@pytest.mark.parametrize("spoilt", [torch.inf, torch.nan, 0.0])
def test_a_spoilt_sample_is_not_felt_by_another(spoilt: float) -> None:
    """NaN or zero gradients of one sample do not change the others' P, and its own stays finite."""
    calm, other = Preconditioner(noise(*SHAPE)), Preconditioner(noise(*SHAPE))
    for k in range(OBSERVED):
        gradient = noise(*SHAPE, seed=k)
        calm.observe(gradient)
        other.observe(torch.stack((gradient[0], torch.full_like(gradient[1], spoilt))))
    image = noise(*SHAPE, seed=9)
    assert torch.equal(other(image)[0], calm(image)[0])
    assert other(image).isfinite().all()


def test_lbfgs_with_it_is_lbfgs_in_other_coordinates(monkeypatch: pytest.MonkeyPatch) -> None:
    """With P fixed, inside the box, image = 0.5 + P^½ z makes the steps those of plain L-BFGS on z."""
    preconditioner = settled()
    values, vectors = torch.linalg.eigh(matrix(preconditioner))
    root = vectors @ values.sqrt().diag() @ vectors.T
    curvature = torch.logspace(-0.5, 1, 720, dtype=torch.float64)
    bowl = noise(1, *SHAPE[1:], seed=4).flatten() * 0.01
    x = torch.full((1, *SHAPE[1:]), 0.5, dtype=torch.float64)
    fast, plain = PreconditionedLbfgs(x, torch.ones(1)), Lbfgs(x, torch.ones(1))
    fast.preconditioner = _First(preconditioner)  # type: ignore[assignment]
    monkeypatch.setattr(PreconditionedLbfgs, "BOLDNESS", 1.0)
    z = torch.zeros_like(x)
    for step in range(12):
        gradient = curvature * (x.flatten() - 0.5 - bowl)
        in_z = root @ (curvature * (root @ z.flatten() - bowl))
        move, move_z = fast.move(x, gradient.view_as(x)), plain.move(z, in_z.view_as(z))
        if step == 0:  # the first step's length is set in pixels
            move_z = move_z * ((root @ in_z).dot(move.flatten()) / (root @ in_z).dot(root @ move_z.flatten()))
        x, z = x - move, z - move_z
        torch.testing.assert_close(x.flatten() - 0.5, root @ z.flatten(), rtol=1e-6, atol=1e-9)


def test_pixels_held_at_a_bound_stay() -> None:
    """Pixels at 0 or 1 whose gradient pushes outwards do not move, and the others move as if those did not exist."""
    image, gradient = torch.full(SHAPE, 0.5, dtype=torch.float64), 0.01 * noise(*SHAPE, seed=3)
    image[..., :4], image[..., 4:8] = 0, 1
    held = ((image == 0) & (gradient > 0)) | ((image == 1) & (gradient < 0))
    moves = [PreconditionedLbfgs(image, torch.ones(2)).move(image, g) for g in (gradient, 9 * gradient * held)]
    assert (moves[0][held] == 0).all()
    assert (moves[0][~held] != 0).all()
    assert (moves[1] == 0).all()


class _First:
    """Sample 0 of a settled preconditioner."""

    def __init__(self, preconditioner: Preconditioner) -> None:
        self._preconditioner = preconditioner

    def observe(self, gradient: Tensor) -> Tensor:
        """Observes nothing."""
        return torch.tensor(False)

    def __call__(self, gradient: Tensor) -> Tensor:
        """Returns P times a gradient (1, 3, H, W)."""
        return self._preconditioner(gradient.expand(SHAPE))[:1]
