"""The profile: every number that can change a decision. A record in the log, never an environment variable."""

from typing import Final

import msgspec

from schemas.duty import Duty


class SilenceProfile(msgspec.Struct, frozen=True, kw_only=True):
    """How silence is judged."""

    enabled: bool = True
    warm_up_h: float = 48.0
    """No silence incident before this much watching, except by `latest_silence_h`."""
    shortest_h: float = 2.0
    """No silence is judged before this long."""
    fixed_h: float = 24.0
    """No household is ever later than the services' own fixed hours, while it is seen."""
    half_life_days: float = 60.0
    k0_h: float = 5.0
    """Exposure, hours, with which the population's rates weigh against the home's all-day rates."""
    k1_h: float = 8.0
    """Exposure, hours, with which the home's all-day rates weigh against a single cell."""
    floor_per_h: float = 0.4
    """Return hazard at home is never believed to be lower than this, events an hour."""
    ghost_nats: float = 4.0
    """How much a lone motion trigger lowers the score, once a silence."""
    longest_k: float = 3.0
    """Second clock: mean plus this many deviations of each day's longest silence, at 0.1 false alarms a month."""
    begun_k: float = 8.5
    """Third clock: the same by the hour at which a silence began, at home and where sensors see it."""
    ask_at: float = 8.0
    """Score at which a check-in call is asked for; again 30 minutes later."""


class GradeShares(msgspec.Struct, frozen=True, kw_only=True):
    """What a household of each risk grade has of its district's budgets, as a factor on an ordinary one's. Assumed."""

    high: float = 1.5
    medium: float = 1.0
    low: float = 0.5


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Budgets, weights and detectors in force, and who put them there and why."""

    id: str
    who: str
    why: str
    applied_at: str = ""
    report: str = ""
    """The replay report this profile rests on, when there is one."""
    silence_budget: float = 0.05
    """False silence alarms per household-month that operators accept."""
    other_budget: float = 0.05
    """The same of what is concluded besides silence and asks a human to act."""
    grade_shares: GradeShares = GradeShares()
    district_shares: dict[str, float] = {}
    """Mean share of a district's homes, by which each of its homes is divided: then together they have the budget times their
    number. 1 for a district that is not named. `anbu profile shares` works them out from the registry."""
    checkins_per_month: float = 4.0
    silence: SilenceProfile = SilenceProfile()
    disaster_calls_per_minute: float = 30.0
    """Homes asked about a public alert in a minute of log time, each partition: 2,000 must not come in one burst."""
    disaster_tighter: float = 3.0
    """Factor on the silence budget of a home that a public alert covers: above 1 alarms earlier."""
    blackout_looser: float = 3.0
    """Divides the silence budget where a blackout explains that less is seen."""
    unanswered_in_a_row: int = 3
    medication_in_a_row: int = 2
    blind_after_h: float = 6.0
    """A source with a declared cadence is blind after this long, or three cadences if longer; hours."""
    duty: Duty = Duty()
    """Who answers when, and how long they may take."""


DEFAULT_PROFILE: Final = Profile(id="default-1", who="anbu", why="the defaults this version ships with")
