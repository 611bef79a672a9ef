"""The order of promotions that compete: by saving, then by age, then by code."""

from math import lcm

from promotions.engine.pipeline.decision import Candidate


def ranked(candidates: list[Candidate], *, max_saving: bool, newest: bool) -> list[Candidate]:
    """Return candidates best first. Sorts are stable: the least important goes first."""
    if len(candidates) == 1:
        return candidates
    in_order = sorted(candidates, key=lambda candidate: candidate.code)
    in_order.sort(key=lambda candidate: candidate.starts_at, reverse=newest)
    # As whole numbers over one denominator: fractions take many times as long to compare.
    denominator = lcm(*(candidate.saving.denominator for candidate in candidates))
    in_order.sort(
        key=lambda candidate: candidate.saving.numerator * (denominator // candidate.saving.denominator),
        reverse=max_saving,
    )
    return in_order


def decided_by(loser: Candidate, lowest_winner: Candidate) -> str:
    """Return what decided between two candidates: bias (the saving), age or code."""
    if loser.saving != lowest_winner.saving:
        return "bias"
    return "age" if loser.starts_at != lowest_winner.starts_at else "code"
