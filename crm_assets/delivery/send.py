"""Send a digest: to a webhook, or by mail."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from crm_assets.delivery import webhook
from crm_assets.delivery.digest import Digest
from crm_assets.errors import SourceUnavailableError
from crm_assets.settings import Settings

MAIL_SECONDS = 30


def post(settings: Settings, message: Digest) -> None:
    """Post a digest to the webhook of the settings.

    Raises:
        SourceUnavailableError: the webhook did not accept it. The text leaves out the address, a secret.
    """
    from requests import RequestException

    address = settings.digest_webhook
    if address is None:
        raise SourceUnavailableError("No digest is posted: CRM_DIGEST_WEBHOOK is not set.")
    try:
        webhook.post(address.get_secret_value(), {"text": message.text})
    except RequestException as error:
        raise SourceUnavailableError(
            f"The webhook of CRM_DIGEST_WEBHOOK did not take the digest ({type(error).__name__}); check it."
        ) from error


def mail(settings: Settings, recipient: str, message: Digest) -> None:
    """Send a digest by mail, as plain text and as HTML.

    Raises:
        SourceUnavailableError: the mail server did not take it.
    """
    host, _, port = str(settings.digest_smtp).partition(":")
    letter = EmailMessage()
    letter["Subject"] = " ".join(message.subject.split())
    letter["From"], letter["To"] = settings.digest_from, recipient
    letter["Date"], letter["Message-ID"] = formatdate(localtime=True), make_msgid(domain="crm-assets.invalid")
    letter.set_content(message.text)
    letter.add_alternative(message.html, subtype="html")
    secure = ssl.create_default_context()
    try:
        if settings.digest_smtp_security == "tls":
            server = smtplib.SMTP_SSL(host, int(port or 465), timeout=MAIL_SECONDS, context=secure)
        else:
            server = smtplib.SMTP(host, int(port or 587), timeout=MAIL_SECONDS)
        with server:
            if settings.digest_smtp_security == "starttls":
                server.starttls(context=secure)
            if settings.digest_smtp_user and settings.digest_smtp_password:
                server.login(settings.digest_smtp_user, settings.digest_smtp_password.get_secret_value())
            server.send_message(letter)
    except (OSError, smtplib.SMTPException) as error:
        raise SourceUnavailableError(
            f"The mail server {settings.digest_smtp} did not take the digest for {recipient} "
            f"({type(error).__name__}: {str(error)[:200]}). Check CRM_DIGEST_SMTP, CRM_DIGEST_SMTP_SECURITY, "
            "user and password."
        ) from error
