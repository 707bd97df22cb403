"""The toy against closed forms and brute force, and what it learns in seconds."""

import math

import pytest
import torch

from ldm.sampling import sample
from ldm.toy import (
    SCHEDULE,
    Autoencoder,
    ToyDenoiser,
    chance,
    exact,
    guide,
    kinship,
    nearest,
    strangeness,
)
from ldm.toy_pictures import FAMILIES, PER_FAMILY, draw_pictures

NONE = len(FAMILIES)


@pytest.fixture(scope="module")
def data():
    return draw_pictures()


@pytest.fixture(scope="module")
def spaces(data):
    spaces = [Autoencoder(seed) for seed in (0, 1)]
    for space in spaces:
        list(space.train_on(data[0], steps=1200))
    return spaces


@pytest.fixture(scope="module")
def codes(data, spaces):
    return spaces[0].encode(data[0])


@pytest.fixture(scope="module")
def denoiser(data, codes):
    denoiser = ToyDenoiser(NONE, seed=0)
    denoiser.losses = list(denoiser.train_on(codes, data[1], steps=1200))
    return denoiser


def noise(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))


def run(predict, family: int, guidance: float = 1.0, n: int = 200) -> torch.Tensor:
    denoise = guide(predict, family, NONE, guidance)
    return list(sample(denoise, SCHEDULE, noise(n), 30))[-1].x_prev


def test_every_family_has_as_many_pictures_and_no_picture_is_there_twice(data):
    pictures, families = data
    assert pictures.shape == (NONE * PER_FAMILY, 1, 5, 5)
    assert set(pictures.unique().tolist()) == {-1.0, 1.0}
    assert len(pictures.unique(dim=0)) == len(pictures)
    assert families.bincount().tolist() == [PER_FAMILY] * NONE


def test_three_numbers_give_every_picture_back(data, spaces, codes):
    pictures, _ = data
    decoded = spaces[0].decode(codes)
    assert codes.shape == (len(pictures), 3) and decoded.shape == pictures.shape
    assert ((decoded > 0) == (pictures > 0)).float().mean() > 0.99


def test_codes_have_mean_0_and_variance_1(codes):
    torch.testing.assert_close(codes.mean(0), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(codes.var(0, correction=0), torch.ones(3), atol=1e-3, rtol=0)


def test_another_seed_is_another_space(data, spaces, codes):
    pictures, _ = data
    foreign = (spaces[1].decode(codes) - pictures).square().mean()
    ignorant = (pictures.mean(0) - pictures).square().mean()  # an answer without any code
    assert foreign > ignorant


def test_the_same_seed_trains_the_same_network(data):
    twins = [Autoencoder(3), Autoencoder(3)]
    losses = [list(twin.train_on(data[0], steps=5)) for twin in twins]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("t", [0, 300, 700, 999])
@pytest.mark.parametrize("family", [2, NONE])
def test_the_exact_denoiser_is_the_posterior_mean(data, codes, t, family):
    families = data[1]
    x_t = noise(4, seed=t)
    a_t = SCHEDULE.alpha_bar(t)
    predict = exact(SCHEDULE, codes, families)
    output = predict(x_t, t, torch.full((4,), family))
    for x, x0_hat in zip(x_t, SCHEDULE.split(x_t, output, t)[0], strict=True):
        kept = [z for z, f in zip(codes, families, strict=True) if family in (int(f), NONE)]
        normal = torch.distributions.Normal(x.double(), (1 - a_t).sqrt())
        logs = torch.stack([normal.log_prob(a_t.sqrt() * z.double()).sum() for z in kept])
        weights = (logs - logs.max()).exp()
        mean = sum(w * z.double() for w, z in zip(weights, kept, strict=True)) / weights.sum()
        torch.testing.assert_close(x0_hat.double(), mean, atol=2e-3, rtol=1e-3)


def test_with_one_picture_every_noise_ends_there():
    code = torch.tensor([[0.3, -1.2, 0.7]])
    predict = exact(SCHEDULE, code, torch.zeros(1, dtype=torch.long))
    ends = list(sample(guide(predict, 1, 1, 1.0), SCHEDULE, noise(50), 10))[-1].x_prev
    torch.testing.assert_close(ends, code.expand(50, 3), atol=1e-3, rtol=0)


@pytest.mark.parametrize("family", [0, 3, NONE])
def test_the_exact_denoiser_gives_back_training_pictures_of_the_family(data, codes, family):
    ends = run(exact(SCHEDULE, codes, data[1]), family)
    away, likest = torch.cdist(ends, codes).min(1)
    assert away.mean() < 0.02
    assert family == NONE or (data[1][likest] == family).all()


def test_the_network_learns_and_is_no_better_than_the_exact_denoiser(data, codes, denoiser):
    draw = torch.Generator().manual_seed(7)
    chosen = torch.randint(len(codes), (400,), generator=draw)
    x0, family, best = codes[chosen], data[1][chosen], exact(SCHEDULE, codes, data[1])
    errors = {"network": 0.0, "exact": 0.0, "nothing": 0.0}
    for t in range(0, 1000, 50):
        eps = torch.randn(x0.shape, generator=draw)
        x_t, target = SCHEDULE.add_noise(x0, eps, t), SCHEDULE.target(x0, eps, t)
        outputs = {
            "network": denoiser.predict(x_t, t, family),
            "exact": best(x_t, t, family),
            "nothing": torch.zeros_like(x_t),
        }
        for name, output in outputs.items():
            errors[name] += (output - target).square().mean().item()
    assert errors["exact"] < errors["network"] < 0.9 * errors["nothing"]


def test_the_cloud_of_the_network_goes_to_the_family_and_guidance_sends_more_there(
    data, codes, denoiser
):
    def right(guidance: float) -> float:
        likest = torch.cdist(run(denoiser.predict, 2, guidance), codes).argmin(1)
        return (data[1][likest] == 2).float().mean().item()

    assert right(1.0) > 2 / NONE
    assert right(3.0) > right(1.0)


def test_guidance_goes_past_the_family_by_its_factor(data, codes):
    predict, x_t = exact(SCHEDULE, codes, data[1]), noise(5)
    said = guide(predict, 1, NONE, 3.0)(x_t, 500)
    torch.testing.assert_close(said.output, said.uncond + 3 * (said.cond - said.uncond))
    torch.testing.assert_close(guide(predict, 1, NONE, 1.0)(x_t, 500).output, said.cond)


def test_neighbours_are_those_of_brute_force(codes):
    for i, row in enumerate(nearest(codes, 4).tolist()):
        others = [j for j in range(len(codes)) if j != i]
        away = sorted(math.dist(codes[i].tolist(), codes[j].tolist()) for j in others)[:4]
        assert [math.dist(codes[i].tolist(), codes[j].tolist()) for j in row] == pytest.approx(
            away, abs=1e-3
        )


def test_kinship_is_k_where_families_lie_apart_and_chance_where_they_do_not_matter():
    families = torch.arange(3).repeat_interleave(20)
    apart = noise(60) + 100 * families[:, None]
    assert kinship(apart, families, 5) == 5
    assert chance(families, 5) == pytest.approx(5 * 19 / 59)
    means = [kinship(noise(60, seed), families, 5) for seed in range(40)]
    assert sum(means) / 40 == pytest.approx(chance(families, 5), abs=0.1)


def test_strangeness_is_0_on_the_data_and_grows_with_each_turned_cell(data):
    pictures, _ = data
    torch.testing.assert_close(
        strangeness(pictures, pictures), torch.zeros(len(pictures)), atol=1e-3, rtol=0
    )
    empty = torch.ones(1, 1, 5, 5)  # ink everywhere
    away = min((picture != 1).sum().item() for picture in pictures)
    assert strangeness(empty, pictures).item() == pytest.approx(2 * away**0.5 / 5)
