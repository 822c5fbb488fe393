"""Errata: what is printed fails a check that the corrected form passes."""

import math
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from regthesis.book import ledger
from regthesis.book.ledger import contradictions, errata
from regthesis.shipped import CHECKOUT as ROOT

quick = settings(deadline=None, max_examples=40, derandomize=True)

positive = st.floats(0.05, 5)
numbers = st.floats(-4, 4)


def tensor(values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def signal(seed: int, n: int = 200) -> torch.Tensor:
    return 1 + torch.rand(n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def best(dissimilarity, fixed: torch.Tensor, candidates: list[torch.Tensor]) -> int:
    return int(torch.stack([dissimilarity(fixed, moved) for moved in candidates]).argmin())


def test_minimising_eq_2_2_as_printed_prefers_the_wrong_image():
    fixed = signal(0)
    candidates = [fixed, signal(1)]
    assert best(errata.dissimilarity_printed, fixed, candidates) == 1
    assert best(errata.dissimilarity_corrected, fixed, candidates) == 0


def test_three_scalings_do_not_make_a_rigid_transformation_affine():
    rank = torch.linalg.matrix_rank
    assert rank(errata.affine_printed()) == 9
    assert rank(errata.affine_corrected()) == 12


@quick
@given(st.lists(numbers, min_size=1, max_size=5).filter(lambda v: any(abs(x) > 1e-3 for x in v)))
def test_the_printed_step_climbs(values):
    theta = tensor(values)
    objective, gradient = theta.square().sum(), 2 * theta
    assert errata.step_printed(theta, gradient, 0.1).square().sum() > objective
    assert errata.step_corrected(theta, gradient, 0.1).square().sum() < objective


def test_the_printed_index_runs_past_the_modes():
    theta, mu = torch.arange(15.0), torch.arange(15.0)
    with pytest.raises(IndexError):
        errata.bounded_printed(theta, mu, 14)
    assert errata.bounded_printed(theta, mu, 3).ne(0).all()  # though every parameter is at its mean
    assert all(errata.bounded_corrected(theta, mu, m) == 0 for m in range(15))


@quick
@given(st.floats(-6, 6), positive, st.floats(0.5, 3))
def test_acceptance_is_the_ratio_of_densities(deviation, sigma, k):
    density = Normal(0.0, sigma)
    ratio = (density.log_prob(torch.tensor(deviation)) - density.log_prob(torch.tensor(k * sigma))).exp()
    accepted = errata.acceptance(torch.tensor(deviation), sigma, k)
    assert accepted == pytest.approx(min(1.0, float(ratio)), rel=1e-3, abs=1e-30)
    assert (accepted == 1) or abs(deviation) > k * sigma * (1 - 1e-6)


@quick
@given(st.lists(st.tuples(numbers, positive), min_size=1, max_size=6))
def test_kl_of_chapter_4_agrees_with_torch_only_once_the_norm_is_squared(pairs):
    mu, variance = tensor(pairs).T
    truth = kl_divergence(Normal(mu, variance.sqrt()), Normal(tensor(0.0), tensor(1.0))).sum()
    assert errata.kl_corrected(mu, variance) == pytest.approx(float(truth), rel=1e-9, abs=1e-9)
    if abs(mu.norm() - mu.norm() ** 2) > 1e-6:
        assert errata.kl_printed(mu, variance) != pytest.approx(float(truth), rel=1e-9, abs=1e-9)


def test_the_printed_likelihood_prefers_the_worse_match():
    good, bad = tensor(0.9), tensor(0.1)
    assert errata.log_likelihood_printed(good, 5000.0) < errata.log_likelihood_printed(bad, 5000.0)
    assert errata.log_likelihood_corrected(good, 5000.0) > errata.log_likelihood_corrected(bad, 5000.0)


def test_the_printed_prior_sharpens_and_the_corrected_one_is_gaussian_smoothing():
    n, sigma = 64, 1.2
    impulse = torch.zeros(n, dtype=torch.float64)
    impulse[n // 2] = 1
    x = torch.arange(n, dtype=torch.float64) - n // 2
    gaussian = torch.exp(-0.5 * (x / sigma) ** 2)
    assert errata.smoothed_corrected(impulse, sigma) == pytest.approx(gaussian / gaussian.sum(), abs=1e-3)
    assert errata.smoothed_corrected(impulse, sigma).square().sum() < 1
    assert errata.smoothed_printed(impulse, sigma).square().sum() > 1


def test_the_series_of_the_prior_is_the_printed_exponential():
    omega = 2 * math.pi * torch.fft.fftfreq(32, dtype=torch.float64)
    assert errata.roughness(32, 1.2) == pytest.approx(torch.expm1(0.5 * (1.2 * omega) ** 2), rel=1e-12)


def test_deformations_and_columns_are_counted_alike():
    deformations, columns = errata.frames_printed(35)
    assert (deformations, columns) == (35, 34)
    assert errata.frames_corrected(35) == (34, 34)
    assert ledger.entry("C5.10").value == 32 * 34


def kernel(form, frames: int = 34) -> torch.Tensor:
    t = torch.arange(frames, dtype=torch.float64)
    return form(t[:, None] - t)


def test_the_printed_cauchy_kernel_is_singular_and_the_corrected_one_a_covariance():
    assert not kernel(errata.cauchy_printed).isfinite().all()
    assert torch.linalg.eigvalsh(kernel(errata.cauchy_corrected)).min() > 0


def test_even_away_from_its_pole_the_printed_kernel_is_no_covariance():
    values = torch.linalg.eigvalsh(kernel(lambda lag: errata.cauchy_printed(lag, length=7.5)))
    assert values.min() < -0.1


def test_eq_5_4_needs_the_diagonal_matrix_of_its_vector():
    prior, sigma = torch.block_diag(*[kernel(errata.cauchy_corrected, 5)] * 3), tensor([0.5, 1.0, 2.0])
    with pytest.raises(RuntimeError):
        errata.covariance_printed(sigma, prior)
    blocks = torch.block_diag(*[s * kernel(errata.cauchy_corrected, 5) for s in sigma])
    assert torch.equal(errata.covariance_corrected(sigma, prior), blocks)


def test_the_likelihood_covers_voxels():
    sequence = torch.zeros(34, 128 * 128)
    assert errata.likelihood_printed(34, 32, 128 * 128) != sequence.numel()
    assert errata.likelihood_corrected(34, 32, 128 * 128) == sequence.numel()


def motion_truth(mu, sigma, k) -> float:
    prior = MultivariateNormal(torch.zeros(len(k), dtype=torch.float64), k)
    return sum(float(kl_divergence(MultivariateNormal(m, s * k), prior)) for m, s in zip(mu, sigma, strict=True))


@quick
@given(st.lists(st.tuples(numbers, positive), min_size=1, max_size=4))
def test_kl_of_chapter_5_agrees_with_torch_only_as_corrected(pairs):
    k = kernel(errata.cauchy_corrected, 6)
    scale, sigma = tensor(pairs).T
    mu = scale[:, None] * torch.arange(6, dtype=torch.float64).sin()
    truth = motion_truth(mu, sigma, k)
    assert errata.kl_motion_corrected(mu, sigma, k) == pytest.approx(truth, rel=1e-7, abs=1e-7)
    if (sigma - 1).abs().max() > 0.05:
        assert errata.kl_motion_printed(mu, sigma, k) != pytest.approx(truth, rel=1e-7, abs=1e-7)


def test_the_printed_divergence_of_chapter_5_is_negative_somewhere():
    """A divergence is never negative, and zero where prior and posterior agree, which is sigma = 1."""
    k, mu = kernel(errata.cauchy_corrected), torch.zeros(1, 34, dtype=torch.float64)
    sigma = torch.linspace(0.05, 2, 400, dtype=torch.float64)
    printed = torch.stack([errata.kl_motion_printed(mu, s[None], k) for s in sigma])
    corrected = torch.stack([errata.kl_motion_corrected(mu, s[None], k) for s in sigma])
    assert printed.min() < -10
    assert sigma[printed.argmin()] == pytest.approx(34**-0.5, abs=0.01)
    assert corrected.min() >= 0
    assert sigma[corrected.argmin()] == pytest.approx(1, abs=0.01)


def test_the_two_weights_of_chapter_6_cannot_both_hold():
    iota, weight = ledger.entry("C6.11").value, ledger.entry("C6.12").value
    assert weight / iota == pytest.approx(1e8)
    assert iota * weight != pytest.approx(1, rel=0.5)  # not one the inverse of the other either
    assert not errata.code_pays(iota)
    assert errata.code_pays(weight)


@pytest.mark.parametrize("id, slip", [("GM", "value"), ("VminI", "interval")])
def test_figure_6_2_contradicts_table_6_1(id, slip):
    figure, table = ledger.entry(f"F6.2/{id}/C"), ledger.entry(f"T6.1/{id}/C")
    differ = {name for name in ("value", "interval") if getattr(figure, name) != getattr(table, name)}
    assert differ == {slip}


def test_hazard_ratios_are_the_geometric_middle_of_their_intervals_in_table_and_figure():
    ratios = [known for id, known in ledger.load().items() if id.endswith("/HR")]
    assert len(ratios) == 15
    middle = lambda low, high: math.sqrt(low * high)  # noqa: E731
    assert all(errata.centred(*known.interval, known.value, middle, 0.01) for known in ratios)


def test_splits_of_echonet_do_not_sum_to_its_videos():
    videos, *splits = (ledger.entry(f"C7.{n}").value for n in range(1, 5))
    assert sum(splits) == 10112 != videos


def test_a_dice_of_seventy_is_none():
    printed = ledger.entry("T3.1/3D/e8/DICE-median").value
    dice = [known.value for id, known in ledger.load().items() if id.startswith("T3.1/") and "DICE" in id]
    assert [value for value in dice if value > 1] == [printed]
    assert 0 < printed / 100 < 1


def test_dice_and_distance_rise_together_in_the_medians_alone():
    """Section 3.3 on elastix and demons, against Table 3.1: eight comparisons of two measures."""
    means = contradictions.not_rising()
    assert means == ["T3.1/2D/e16/DICE", "T3.1/3D/dem/HD", "T3.1/3D*/e16/DICE", "T3.1/3D*/e8/DICE"]
    assert contradictions.not_rising("-median") == []


def test_s3_leads_table_4_1_in_dice_and_distance_and_not_in_intensity_error():
    assert not contradictions.leads("S3", ["RMSE", "DICE", "HD"])
    assert contradictions.leads("S3", ["DICE", "HD"])
    assert contradictions.leads("VM", ["RMSE"])
    assert contradictions.leads("S1", ["GradDetJac"])
    assert not contradictions.leads("Undef", ["RMSE"])


def test_sudden_death_is_claimed_and_not_evaluated():
    assert [contradictions.evaluated(id) for id in ("C1.5", "C7.9", "C7.10")] == [False] * 3
    assert contradictions.evaluated("C6.52")


@settings(quick, max_examples=10)
@given(st.floats(1.05, 1.6), st.floats(0.5, 0.9), st.floats(20, 40))
def test_only_the_end_diastolic_frame_keeps_the_ejection_fraction(contraction, healthy, radius):
    """The patient's ventricle shrinks by `contraction`, the healthy one by `healthy`; discs, so that areas count."""
    x = torch.stack(torch.meshgrid(*[torch.arange(96.0, dtype=torch.float64) - 48] * 2, indexing="ij"))
    ed, es = ((2 * (r - x.norm(dim=0))).sigmoid()[None, None] for r in (radius, healthy * radius))
    u, patient = (contraction - 1) * x[None], 1 - contraction**-2
    assert errata.fraction(ed, errata.transport_corrected(ed, es, u)) == pytest.approx(patient, abs=0.01)
    assert errata.fraction(ed, errata.transport_printed(ed, es, u)) > patient + 0.05


@pytest.mark.parametrize("k", [3, 9])
def test_a_mean_filter_for_volumes_has_three_sides(k):
    volume = torch.rand(1, 1, k, k, k)
    with pytest.raises(RuntimeError):
        torch.nn.functional.avg_pool3d(volume, errata.window_printed(k))
    mean = torch.nn.functional.avg_pool3d(volume, errata.window_corrected(k))
    assert mean.item() == pytest.approx(volume.mean().item(), rel=1e-5)


@pytest.mark.parametrize("frames", [2, 14, 25])
def test_the_appendix_of_chapter_6_lacks_a_column(frames):
    deformations, columns = errata.columns_printed(frames)
    assert deformations - columns == 1
    assert errata.columns_corrected(frames) == (frames - 1, frames - 1)


# The page

PAGE = (ROOT / "book" / "errata.md").read_text("utf-8")
CELLS = re.findall(r"```\{code-cell\} ipython3\n(.*?)```", PAGE, re.S)


def test_the_page_says_as_extracted_of_the_entries_that_are():
    """Section by section: what it notes of, or prints from, the ledger is as extracted where its prose says so."""
    for section in PAGE.split("\n### ")[1:]:
        title, prose = section.splitlines()[0], section.split("```")[0]
        named = {id for id in re.findall(r'"([CE]\d\.\w+)"', section) if id in ledger.load()}
        printed_alone = {"C6.12", "C6.43", "C6.52"}  # read there, and not judged
        extracted = any(ledger.entry(id).as_extracted for id in named - printed_alone)
        assert ("*As extracted*" in prose) == (extracted or "known.as_extracted" in section), title


def test_the_code_of_the_page_fits_its_column():
    assert len(CELLS) > 20
    assert [line for cell in CELLS for line in cell.splitlines() if len(line) > 88] == []


def test_the_page_settles_every_claim_that_the_ledger_sends_to_it():
    """`see the errata` in a note leads to a section that names the entry, its table or its figure."""
    sent = {known.id for known in ledger.load().values() if "see the errata" in known.note}
    named = set(re.findall(r"[CE]\d\.\w+", PAGE)) | {f"C7.{n}" for n in range(1, 5)}  # in a loop
    assert {"C1.5", "C2.3", "C3.71", "C4.69", "C6.11", "C7.10"} <= sent <= named


def test_settling_notes_a_failure_and_refuses_a_check_that_tells_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("REGTHESIS_RESULTS", str(tmp_path))
    assert errata.settle("E5.3", printed=False, corrected=True, why="not finite").verdict == "as extracted"
    assert errata.settle("E5.6", printed=False, corrected=True, why="wrong power").verdict == "fails"
    assert (tmp_path / "errata.json").is_file()
    for printed, corrected in ((True, True), (False, False), (True, False)):
        with pytest.raises(ValueError, match="expected the printed form to fail"):
            errata.settle("E5.3", printed, corrected, "nothing")
