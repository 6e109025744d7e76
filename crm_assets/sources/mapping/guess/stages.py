"""Guess what the stages of a CRM mean, and in which order the open ones come."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow.compute as pc

from crm_assets.sources.mapping.guess.look import Look, words
from crm_assets.sources.mapping.guess.written import Draft, flow, scalar
from crm_assets.sources.mapping.headers import FALSE, TRUE, column_in, counted, same
from crm_assets.sources.mapping.rows import Rows
from crm_assets.sources.mapping.schema import Stages
from crm_assets.sources.numbers import numbers

# A column with more different values holds no stages or kinds.
FEW = 40
# Probabilities say something about stages only if there are several.
_TELLING = 3
# A status has few values.
_STATUSES = 6

Chances = dict[str, tuple[float, float]]


def write_stages(out: Draft, found: Look, stage: str | None, chance: str | None) -> None:
    """Write the stages into a draft if the preset does not know all of them.

    Args:
        out: the draft.
        found: what a look at the files found.
        stage: the column of the stage; None if there is none.
        chance: the column of the CRM's own probability; None if there is none.
    """
    if stage is None:
        return
    stages, values = found.mapping.stages, found.deals.columns[stage]
    listed = stages.listed_in
    out.lines.append("")
    if listed and listed.file in found.by_role:
        out.say(f"stages: listed in {found.by_role[listed.file].name}, with their order and meaning.")
        return
    names = [text for text in pc.unique(values).to_pylist() if text]
    known = _known(stages)
    new = [name for name in names if same(name) not in known]
    if not new:
        out.say(f"stages: the preset knows all of them: {counted(values)}")
        return
    if len(names) > FEW:
        out.doubt(f"{stage} has {len(names)} different values, too many for stages: is it the right column?")
        return
    chances = _chances(found.deals, stage, chance)
    meant = {name: known.get(same(name)) or meaning_of(name, chances.get(name)) for name in names}
    out.say(f"Stages in {found.deals.name}: {counted(values, FEW)}")
    out.open("stages")
    # A list replaces that of the preset as a whole: it names all stages in use.
    if any(meant[name] == "open" for name in new):
        open_ = [name for name in names if meant[name] == "open"]
        order, how = _in_order(open_, chances, [same(one) for one in known])
        if len(order) > 1:
            out.doubt(f"the order of the open stages, from first to last{how}.", 1)
        out.open("open", 1)
        out.lines += [f"    - {scalar(name)}" for name in order]
    _outcomes(out, found, stage, meant, set(new))


def _outcomes(out: Draft, found: Look, stage: str, meant: dict[str, str], new: set[str]) -> None:
    """Write which stages are won and lost, or the column that says it in their place."""
    told = _told_elsewhere(found, stage) if "won" not in meant.values() else None
    if told is not None:
        won, lost = told
        out.lines += ["", "outcome:", f"  - won: {flow(won)}", f"    lost: {flow(lost)}"]
        return
    for key in ("won", "lost"):
        chosen = [name for name in meant if meant[name] == key]
        if new & set(chosen):
            out.put(key, chosen if len(chosen) > 1 else chosen[0], 1)
        elif not chosen and not getattr(found.mapping.stages, key) and not found.mapping.outcome:
            out.doubt(f"no stage looks like {key}: write `{key}: <stage>`, or outcome: with a column.", 1)


def _told_elsewhere(found: Look, stage: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the conditions of another column that tells won and lost: a status, or two truth values."""
    if found.mapping.outcome:
        return None
    rows = found.deals
    for name in (one for one in rows.header if one and one != stage):
        values = _texts(rows, name)
        meant = {text: meaning_of(text) for text in values} if len(values) <= _STATUSES else {}
        won, lost = ([text for text in meant if meant[text] == key] for key in ("won", "lost"))
        if won and lost:
            return {name: won}, {name: lost}
    won_flag, closed_flag = (
        column_in(rows.header, f"is {word}") or column_in(rows.header, word) for word in ("won", "closed")
    )
    for flag in (won_flag, closed_flag):
        if flag is None or not set(map(same, _texts(rows, flag))) <= TRUE | FALSE:
            return None
    return {str(won_flag): "true"}, {str(closed_flag): "true", str(won_flag): "false"}


def _texts(rows: Rows, column: str) -> list[str]:
    return [text for text in pc.unique(rows.columns[column]).to_pylist() if text]


def _known(stages: Stages) -> dict[str, str]:
    """Return what the preset says of each stage, the open ones in order."""
    return {
        **{same(name): "open" for names in stages.open for name in names},
        **{same(name): "prospecting" for name in stages.prospecting},
        **{same(name): "won" for name in stages.won},
        **{same(name): "lost" for name in stages.lost},
    }


def meaning_of(name: str, chance: tuple[float, float] | None = None) -> str:
    """Return what a stage means by its words, else by the CRM's probability: certain ones are over."""
    for outcome in ("lost", "won"):
        if any(f" {same(word)} " in f" {_spaced(name)} " for word in words()[outcome]):
            return outcome
    return {(1.0, 1.0): "won", (0.0, 0.0): "lost"}.get(chance or (0.5, 0.5), "open")


def _spaced(name: str) -> str:
    return " ".join("".join(sign if sign.isalnum() else " " for sign in same(name)).split())


def _chances(rows: Rows, stage: str, chance: str | None) -> Chances:
    """Return the smallest and the largest probability, 0 to 1, that the CRM gives the deals of each stage."""
    if chance is None:
        return {}
    read = numbers(pc.replace_substring_regex(rows.columns[chance], r"\s*%$", ""))
    given = pd.Series(read.values.to_numpy(zero_copy_only=False))  # noqa: PD011 - an Arrow array
    frame = pd.DataFrame({"stage": rows.columns[stage].to_pandas(), "chance": given}).dropna()
    if frame["chance"].nunique() < _TELLING:
        return {}
    scale = 100 if frame["chance"].max() > 1 else 1
    by_stage = (frame["chance"] / scale).groupby(frame["stage"])
    low, high = by_stage.min(), by_stage.max()
    return {str(name): (float(low[name]), float(high[name])) for name in low.index}


def _in_order(names: list[str], chances: Chances, known: list[str]) -> tuple[list[str], str]:
    """Sort stages by a number in each name, by their probability, or as the preset does, and say how.

    >>> _in_order(["2 - Demo", "10 - Offer", "1 - Call"], {}, [])
    (['1 - Call', '2 - Demo', '10 - Offer'], '')
    >>> _in_order(["Offer", "Demo"], {"Offer": (0.6, 0.7), "Demo": (0.1, 0.1)}, [])
    (['Demo', 'Offer'], "; the CRM's probability says this one")
    """
    numbered = {name: "".join(sign for sign in name if sign.isdigit()) for name in names}
    if all(numbered.values()):
        return sorted(names, key=lambda name: int(numbered[name])), ""
    if len(names) > 1 and all(name in chances for name in names):
        return sorted(names, key=lambda name: chances[name]), "; the CRM's probability says this one"
    at = {name: known.index(same(name)) if same(name) in known else len(known) for name in names}
    return sorted(names, key=lambda name: at[name]), ""
