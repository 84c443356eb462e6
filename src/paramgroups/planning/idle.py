"""Rules that match, and change no value at any tick."""

from paramgroups.errors import ParamGroupsError
from paramgroups.planning.matching import Match
from paramgroups.planning.profile import Profile
from paramgroups.planning.resolution import Resolution


def idle_rules(resolution: Resolution) -> list[Match]:
    """The rules without which all would be as it is."""
    return [
        match
        for place, match in enumerate(resolution.matches)
        if match and not any(_differs(profile, place, resolution) for profile in resolution.all_profiles)
    ]


def told(match: Match) -> str:
    """That a rule is idle, in words."""
    return f'Rule {match.number} "{match.rule.selector.written}" changes no value at any step.'


def _differs(profile: Profile, place: int, resolution: Resolution) -> bool:
    if not profile.codes[place]:
        return False
    codes = (*profile.codes[:place], 0, *profile.codes[place + 1 :])
    trainable = bool(profile.trainable.links[0].value)
    try:
        return (
            resolution.profiler.profile(codes, trainable=trainable, watched=profile.watched).key
            != profile.key
        )
    except ParamGroupsError:  # what another rule scales is there only by this one
        return True
