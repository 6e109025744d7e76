"""Who gets which digest: each manager's to the webhook, and each person's by mail."""

from __future__ import annotations

from collections.abc import Iterator

from crm_assets.delivery.digest import Digest, digest
from crm_assets.delivery.send import mail, post
from crm_assets.errors import CrmAssetsError, SettingsError
from crm_assets.insight.people import read_people, users_file
from crm_assets.insight.reading import Reader
from crm_assets.insight.scope import Level, scope_by
from crm_assets.settings import Settings


def by_manager(reader: Reader, month: str, settings: Settings) -> Iterator[tuple[str, Digest]]:
    """Yield the digest of each manager who has open deals; of all deals if the CRM has no managers."""
    deals = reader.predictions(month)
    managers = sorted(deals["manager"].dropna().unique()) if "manager" in deals else []
    if not managers:
        yield "all deals", digest(reader, month, settings)
    for name in managers:
        yield name, digest(reader.within(scope_by(Level.MANAGER, [name])), month, settings, name)


def send_all(reader: Reader, settings: Settings) -> list[str]:
    """Send the digests of the newest month, and return what was sent, a line each.

    Every message is tried, also after one that failed.

    Raises:
        SettingsError: no webhook and no mail server is set, or nobody has an address.
        CrmAssetsError: some were not sent; the text says which were not, and why.
    """
    if settings.digest_webhook is None and settings.digest_smtp is None:
        raise SettingsError("No digest is sent: set CRM_DIGEST_WEBHOOK or CRM_DIGEST_SMTP.")
    month = reader.newest_month()
    sent, failed = [], []
    if settings.digest_webhook is not None:
        for name, message in by_manager(reader, month, settings):
            try:
                post(settings, message)
                sent.append(f"{name}: posted to the webhook")
            except CrmAssetsError as error:
                failed.append(f"{name}: {error}")
    if settings.digest_smtp is not None:
        people = [one for one in read_people(users_file(settings)).values() if one.email]
        if not people:
            raise SettingsError(
                f"No digest is mailed: nobody in {users_file(settings)} has an email; add it to their entry."
            )
        for person in people:
            message = digest(
                reader.within(person.scope),
                month,
                settings,
                "" if person.scope.everything else ", ".join(sorted(person.scope.names)),
            )
            try:
                mail(settings, str(person.email), message)
                sent.append(f"{person.name}: mailed")
            except CrmAssetsError as error:
                failed.append(f"{person.name}: {error}")
    if failed:
        raise CrmAssetsError(f"{len(sent)} digests were sent, {len(failed)} were not. {' '.join(failed)}")
    return sent
