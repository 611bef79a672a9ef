"""Promotions, versions and vouchers by what stored answers call them."""

from collections.abc import Iterable, Mapping

from django.db.models import F

from consumers.normal_form import normalized
from loyalty.models import Voucher
from loyalty.services.results.figures import StoredAnswer, promotions_of
from loyalty.services.results.totals import ResultKey
from promotions.engine.benefits.vouchers import voucher_key
from promotions.models import PromotionVersion


class Names:
    """Promotions and versions by what answers call them. Codes of published promotions never change."""

    def __init__(self) -> None:
        self._ids: dict[tuple[int, str, str, int | None], tuple[int, int]] = {}

    def read(self, answers: Iterable[tuple[int, StoredAnswer]]) -> None:
        """Read what some answers of accounts name, as far as it is not known yet."""
        named = {
            (account_id, row.family, row.promotion, row.version)
            for account_id, answer in answers
            if answer.applied
            for row in promotions_of(answer)
        } - self._ids.keys()
        if not named:
            return
        versions = PromotionVersion.objects.filter(
            promotion__account_id__in={name[0] for name in named},
            promotion__code__in={normalized(name[2]) for name in named},
            number__in={name[3] for name in named},
        )
        stored = {
            (account_id, family, code, number): (promotion_id, version_id)
            for account_id, family, code, number, promotion_id, version_id in versions.values_list(
                "promotion__account_id", "promotion__family", "promotion__code", "number", "promotion_id", "pk"
            )
        }
        for account_id, family, code, number in named:
            self._ids[account_id, family, code, number] = stored[account_id, family, normalized(code), number or 0]

    def ids(self, account_id: int, family: str, code: str, number: int | None) -> tuple[int, int]:
        """Return the ids of a promotion and its version."""
        return self._ids[account_id, family, code, number]


class Vouchers:
    """Vouchers by code, with the sale and promotion that issued them. Claimed and adopted ones are of none."""

    def __init__(self, keys: Mapping[tuple[int, str], ResultKey]) -> None:
        self._keys = keys

    @classmethod
    def read(cls, codes: Iterable[str]) -> "Vouchers":
        """Read the vouchers of some codes, as tills sent them."""
        rows = (
            Voucher.objects.filter(code__in={voucher_key(code) for code in codes}, issued_by__isnull=False)
            .annotate(site=F("issued_by__transaction__site_id"), day=F("issued_by__transaction__local_day"))
            .values_list("account_id", "code", "issued_by__promotion_id", "issued_by__version_id", "site", "day")
        )
        return cls(
            {
                (account_id, code): ResultKey(account_id, promotion_id, version_id, site_id, day)
                for account_id, code, promotion_id, version_id, site_id, day in rows
            }
        )

    def issuing(self, account_id: int, code: str) -> ResultKey | None:
        """Return the row of the sale that issued a voucher; None for one that no sale issued."""
        return self._keys.get((account_id, voucher_key(code)))
