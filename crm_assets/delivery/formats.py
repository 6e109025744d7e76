"""Numbers, money and dates as a locale writes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd
from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent

from crm_assets.crm.months import month_start

DEFAULT = "en_US"
NOTHING = "–"  # noqa: RUF001 - a dash for a missing number


@dataclass(frozen=True)
class Formats:
    r"""Writes values in one locale and currency; a missing value is a dash.

    >>> Formats("en_US", "USD").money(1234.5), Formats("de_DE", "EUR").money(1234.5)
    ('$1,235', '1.235\xa0€')
    """

    locale: str = DEFAULT
    currency: str = "USD"

    def money(self, amount: float | None) -> str:
        """Return an amount without cents."""
        if amount is None or pd.isna(amount):
            return NOTHING
        # Half up, as people round money; round() would go to the even number.
        whole = int(abs(amount) + 0.5) * (1 if amount >= 0 else -1)
        return format_currency(
            whole, self.currency, locale=self.locale, currency_digits=False, format=self._whole_money
        )

    def number(self, value: float | None, digits: int = 0) -> str:
        """Return a number with so many decimals."""
        if value is None or pd.isna(value):
            return NOTHING
        return format_decimal(round(value, digits), locale=self.locale, decimal_quantization=False)

    def percent(self, share: float | None, digits: int = 0) -> str:
        """Return a share, 0 to 1, in percent."""
        if share is None or pd.isna(share):
            return NOTHING
        pattern = "#,##0" + ("." + "0" * digits if digits else "") + " %"
        return format_percent(share, pattern, locale=self.locale)

    def chance(self, share: float) -> str:
        """Return a chance in percent; no chance is zero.

        >>> Formats().chance(0.0004), Formats().chance(0.0604)
        ('under 0.1 %', '6.0 %')
        """
        return f"under {self.percent(0.001, 1)}" if share < 0.001 else self.percent(share, 1)

    def month(self, month: str) -> str:
        """Return a month in words, for example `January 2018`."""
        return format_date(month_start(month), "LLLL yyyy", locale=self.locale)

    def day(self, day: date) -> str:
        """Return a day."""
        return format_date(day, "medium", locale=self.locale)

    @property
    def _whole_money(self) -> str:
        pattern = Locale.parse(self.locale).currency_formats["standard"].pattern
        return pattern.replace(".00", "")


def formats(locale: str | None, currency: str) -> Formats:
    """Return the formats of a locale, for example `de-DE`; of `en_US` if it is unknown."""
    try:
        found = str(Locale.parse((locale or DEFAULT).replace("-", "_")))
    except (UnknownLocaleError, ValueError):
        found = DEFAULT
    return Formats(found, currency)
