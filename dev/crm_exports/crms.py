"""The CRMs: who writes their files, and how their ids tell the deals apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dev.crm_exports import dynamics, hubspot, odoo, pipedrive, salesforce
from dev.crm_exports.company import Company
from dev.crm_exports.writers import salesforce_id

CRMS: dict[str, Callable[[Company, Path], None]] = {
    "salesforce": salesforce.write,
    "hubspot": hubspot.write,
    "dynamics": dynamics.write,
    "pipedrive": pipedrive.write,
    "odoo": odoo.write,
}


def deal_number(crm: str, opportunity_id: str) -> int:
    """Return which deal of the company an id of a CRM is."""
    if crm == "salesforce":
        return _SALESFORCE_IDS[opportunity_id]
    if crm == "hubspot":
        return int(opportunity_id) - 9_000_000_000
    if crm == "dynamics":
        return int(opportunity_id.strip("{}").rpartition("-")[2], 16)
    return int(opportunity_id) - 1 if crm == "pipedrive" else int(opportunity_id.rpartition("_")[2])


_SALESFORCE_IDS = {salesforce_id("006", at): at for at in range(10_000)}
