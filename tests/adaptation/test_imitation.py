"""What is taught where: padding counts for nothing, and sessions of different seeds are different sessions."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from netwright.adaptation.models.decision import choice_loss
from netwright.adaptation.offline.experience import ACTION, merge
from netwright.adaptation.offline.imitation import imitation_targets
from tests.adaptation.test_experience import made_up


@pytest.fixture
def taught():
    experience = made_up([1, 4, 2, 5])
    return imitation_targets(
        "returns",
        experience,
        critic_inputs=np.zeros((experience.n_steps, 1), dtype=np.float32),
        n_choices=3,
        temperature=1.0,
        seed=0,
    )


@pytest.mark.parametrize("labeled", [False, True])
def test_a_padded_row_counts_for_nothing(taught, labeled):
    n = taught.experience.n_steps
    if labeled:
        labels = np.random.default_rng(0).dirichlet(np.ones(3), n).astype(np.float32)
        taught = replace(taught, labels=labels)
    rows, real = taught.draw(np.random.default_rng(1), 16)
    assert rows.shape == real.shape
    lengths = real.sum(axis=1)
    assert set(lengths.tolist()) <= {1, 2, 4, 5}
    assert lengths.min() < lengths.max()  # there is padding to look at
    target = taught.target(rows, real)
    assert (target[~real] == 0.0).all()
    assert target[real].sum(axis=1) == pytest.approx(1.0)

    scores = torch.randn(*rows.shape, 3, generator=torch.Generator().manual_seed(0))
    loss = choice_loss(scores, torch.from_numpy(target))
    alone = choice_loss(scores[torch.from_numpy(real)][None], torch.from_numpy(target[real])[None])
    assert float(loss) == pytest.approx(float(alone), rel=1e-6)
    shifted = torch.where(torch.from_numpy(real)[..., None], scores, scores * 9.0 - 5.0)
    assert float(choice_loss(shifted, torch.from_numpy(target))) == pytest.approx(float(loss), rel=1e-6)


def test_rows_of_a_short_episode_stay_inside_of_it(taught):
    rows, real = taught.draw(np.random.default_rng(2), 32)
    experience = taught.experience
    for line, inside in zip(rows, real, strict=True):
        episode = int(np.flatnonzero(experience.offsets[:-1] == line[0])[0])
        assert inside.sum() == experience.lengths[episode]
        assert line.max() == experience.offsets[episode + 1] - 1
    wanted = taught.target(rows, real).argmax(axis=2)
    assert (wanted[real] == experience.columns[ACTION][rows][real]).all()


def test_sessions_of_other_seeds_are_other_sessions():
    one = made_up([2, 2, 2, 2])
    other = replace(one, seed=one.seed + 1)
    sessions = merge([one, other]).same_session()
    assert sessions[:4].tolist() == [0, 0, 1, 1]
    assert not set(sessions[:4]) & set(sessions[4:])
    assert merge([one, one]).same_session().tolist() == [0, 0, 1, 1] * 2
    elsewhere = replace(one, places=("there",))
    assert not set(merge([one, elsewhere]).same_session()[:4]) & set(
        merge([one, elsewhere]).same_session()[4:]
    )
