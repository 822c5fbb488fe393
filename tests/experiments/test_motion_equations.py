"""Equations of section 5.5 written out, and how far a tracked slice is from its true motion."""

import pytest
import torch

from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.experiments.motion import equations
from regthesis.experiments.motion.cases import end_systolic_error
from regthesis.geometry import Grid
from regthesis.models.temporal_prior import COVARIANCES, TemporalPrior, kl_of_rows


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_the_equations_of_the_appendix_hold(covariance):
    found = equations.judge(TemporalPrior(range(1, 20), covariance))
    assert {it.id for it in found} == {"E5.8", "E5.11", "E5.12", "C5.70"}
    assert {it.verdict for it in found} <= {"reproduced", "holds"}


def test_a_wrong_factor_does_not_agree(monkeypatch):
    monkeypatch.setattr(equations, "cholesky", lambda x: 1.01 * torch.linalg.cholesky(x))
    verdicts = {it.id: it.verdict for it in equations.judge(TemporalPrior(range(1, 20)))}
    assert verdicts["E5.11"] == verdicts["E5.12"] == "fails" and verdicts["E5.8"] == "reproduced"


def test_the_divergence_of_rows_is_that_of_the_definition():
    prior = TemporalPrior(range(1, 12)).double()
    mu = prior.draw(torch.zeros(1, 1, 11).double(), torch.ones(1, 1).double(), torch.manual_seed(0))
    sigma = torch.tensor([[0.4]], dtype=torch.float64)
    k = prior.covariance
    ours = kl_of_rows(mu @ prior.whitening.mT, sigma)
    torch.testing.assert_close(ours[0, 0], equations.divergence(mu[0, 0], 0.16 * k, k), rtol=1e-4, atol=1e-4)


def heart(frames, truth=None):
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.long)
    mask[..., 2:6, 2:6] = 1
    masks = {0: mask, (2 if frames > 2 else 1): mask}
    return Case("p/slice01", torch.zeros(frames, 1, 8, 8), Grid((8, 8), (2.0, 2.0)), masks, truth=truth)


def test_the_error_is_that_of_end_systole_inside_the_heart():
    truth = torch.zeros(1, 2, 8, 8)
    truth[:, 0, 2:6, 2:6], truth[:, 0, 0, 0] = 3.0, 100.0
    u = torch.zeros(3, 2, 8, 8)
    u[1, 0] = 2.0  # frame 2 is end systole
    before, after = end_systolic_error(heart(4), heart(2, truth), Deformation(u, heart(4).grid))
    assert (before, after) == (pytest.approx(6.0), pytest.approx(2.0))
    with pytest.raises(UserError, match="p/slice01: its true motion is not known"):
        end_systolic_error(heart(4), heart(2), Deformation(u, heart(4).grid))
