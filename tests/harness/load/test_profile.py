from __future__ import annotations

import pytest

from brownout.harness import manual
from brownout.harness.finding import NotFound
from brownout.harness.load.profile import Level, Profile, named, profiles
from brownout.harness.load.rows import INVARIANTS, ROWS


def test_users_come_and_go_as_the_levels_say() -> None:
    """
    Each level holds until its part of the run is over, and the last one to the end.
    """
    profile = Profile("p", "", levels=(Level(0.2, until=0.5), Level(1.0)), seconds=10, users=50)

    assert [10, 50, 50] == [profile.users_at(at) for at in (0, 5, 11)]


def test_a_profile_is_sized_by_the_command_line() -> None:
    """
    What is said replaces what the profile has; what is not stays.
    """
    profile = Profile("p", "", seconds=60, users=20)

    assert (5, 20) == (profile.sized(seconds=5).seconds, profile.sized(seconds=5).users)
    assert 3 == profile.sized(users=3).users


@pytest.mark.parametrize("name", ["steady", "spike", "outage-under-load"])
def test_what_ships_is_found_and_shown(name: str) -> None:
    """
    A profile is found by its name, and its manual page says how to run it.
    """
    assert name == named(name).name
    assert f"brownout load TARGET --profile {name}" in manual.show(name, {})


def test_a_name_that_is_wrong_is_told_with_the_nearest() -> None:
    """
    An unknown profile is an error that names a right one.
    """
    with pytest.raises(NotFound, match='did you mean "steady"'):
        named("stead")
    with pytest.raises(NotFound, match=", ".join(profiles())):
        named("zzzzzz")


def test_every_gate_has_a_manual_page() -> None:
    """
    Each row names a check that there is, and its page says what is required.
    """
    for row in ROWS:
        assert row.title in manual.show(row.id, {})
    assert len(ROWS) == len({row.id for row in ROWS})
    assert all(row.id.startswith("load.") for row in INVARIANTS)
