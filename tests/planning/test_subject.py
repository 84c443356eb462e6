"""A plan as its checks see it."""

import paramgroups as pg
from paramgroups.planning.groups import groups_of
from paramgroups.planning.resolution import resolve
from paramgroups.planning.subject import Subject
from paramgroups.schedules import Horizon
from tests.planning.models import INDEX


def subject(*rules: pg.Rule) -> Subject:
    resolution = resolve(pg.Recipe(optimizer="sgd", lr=0.5, rules=rules), INDEX, Horizon(10), {})
    return Subject(resolution, groups_of(resolution))


def test_members_are_all_parameters_and_the_rows_that_differ() -> None:
    found = subject(pg.rule("head", lr=2.0), pg.rule("embed.weight[5:9]", lr=3.0))
    members = {names: profile.courses["lr"].base for profile, names in found.members()}
    assert members == {
        tuple(row.name for row in INDEX if row.trainable and row.depth < 11): 0.5,
        ("old.weight",): 0.5,
        ("head.weight", "head.bias"): 2.0,
        ("embed.weight[5:9]",): 3.0,
    }


def test_what_is_trained_has_its_rate_and_decay() -> None:
    found = {
        row.name: (rate, decay) for row, rate, decay in subject(pg.rule("head", weight_decay=0.1)).trained()
    }
    assert found == {row.name: (0.5, 0.1 if row.depth == 11 else 0.0) for row in INDEX if row.trainable}


def test_a_rule_names_what_it_matches_in_whole_or_in_part() -> None:
    found = subject(pg.rule("head.bias | embed.weight[5:9]", lr=3.0))
    (match,) = found.resolution.matches
    assert found.names(match) == ("embed.weight", "head.bias")
