"""The gates of the raw tables: the rules that the source judges by, and the defects that cleaning repairs."""

from __future__ import annotations

from crm_assets.crm.raw_rules import rules_of
from crm_assets.crm.schema import RAW_TABLES
from crm_assets.defs.checks.suite import Suite

SUITES = tuple(Suite(table, rules_of(table), judged_before=True) for table in RAW_TABLES)
