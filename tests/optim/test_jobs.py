"""Who steps which groups."""

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from paramgroups.errors import OptimizerError
from paramgroups.optim.hyperparameters import CLIPPING
from paramgroups.optim.jobs import Job, Options, jobs_of
from paramgroups.optim.lending import Loan
from paramgroups.optim.limits import Passage, unlimited
from paramgroups.optim.naming import Known
from paramgroups.optim.passes import Pass
from paramgroups.optim.statistics import total
from tests.optim.passers import given

OPTIONS = Options(backend=None, statistics=True, skip_nonfinite=False, master_weights=False)
States = defaultdict[Tensor, dict[str, Any]]


def made(*names: str, options: Options = OPTIONS) -> tuple[list[Job], list[dict[str, Any]], States]:
    """Group by group one number, at the rate 1."""
    known, states = Known(), States(dict)
    for name in names:
        known.name_of(name)
    groups = [
        {**known.defaults(name), **CLIPPING, "params": [given(float(place))], "lr": 1.0}
        for place, name in enumerate(names)
    ]
    return jobs_of(names, groups, states, known, options), groups, states


def test_one_job_for_all_groups_of_an_optimizer() -> None:
    jobs, *_ = made("sgd", "adamax", "sgd", "adam")
    assert [job.name for job in jobs] == ["sgd", "adamax", "adam"]
    assert [job.numbers.tolist() for job in jobs if job.numbers is not None] == [[0, 2], [1], [3]]
    assert [type(job.stepper) for job in jobs] == [Pass, Loan, Pass]


def test_one_optimizer_has_all_groups() -> None:
    jobs, *_ = made("sgd", "sgd")
    assert [job.numbers for job in jobs] == [None]
    assert made()[0] == []


@torch.no_grad()
def test_each_job_steps_its_own_groups_and_tells_their_numbers() -> None:
    jobs, groups, states = made("sgd", "adamax", "sgd")
    for job in jobs:
        job.find(groups, states)
    assert total([one for job in jobs for one in job.measure()], 3)[:, 0].tolist() == [1, 1, 1]
    for job in jobs:
        before = [group["params"][0].item() for group in groups]
        told = job.step(Passage(np.zeros(3, np.bool_), np.array([1.0, 1.0, 3.0])), None)
        job.stepper.drop()
        moved = [old != group["params"][0].item() for old, group in zip(before, groups, strict=True)]
        assert moved == [job.name == name for name in ("sgd", "adamax", "sgd")]
        assert (total(told, 3)[:, 2] > 0).tolist() == moved
    assert groups[0]["params"][0].item() == -1.0
    assert groups[2]["params"][0].item() == 2.0 - 3.0
    assert [param is group["params"][0] for param, group in zip(states, groups[1:2], strict=True)] == [True]


@torch.no_grad()
def test_options_reach_who_steps() -> None:
    options = Options(backend="torch", statistics=False, skip_nonfinite=False, master_weights=True)
    (job,), groups, states = made("sgd", options=options)
    groups[0]["params"] = [given(1.0, dtype=torch.bfloat16)]
    job.find(groups, states)
    assert job.step(unlimited(1, 1.0), None) == []
    assert states[groups[0]["params"][0]]["master"].item() == 0.0
    (lent,), groups, states = made("adamax", options=options)
    lent.find(groups, states)
    assert lent.step(unlimited(1, 1.0), None) == []


def test_a_class_that_refuses_its_groups() -> None:
    known = Known()
    group = {**known.defaults(known.name_of("adamax")), "params": [given(1.0)], "lr": -1.0}
    with pytest.raises(OptimizerError):
        jobs_of(["adamax"], [group], {}, known, OPTIONS)
