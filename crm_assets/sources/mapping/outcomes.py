"""What each deal's stage means, and whether it is open, won or lost."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm.schema import Stage
from crm_assets.errors import BadInputError
from crm_assets.sources.mapping.headers import counted, same
from crm_assets.sources.mapping.load import LoadedMapping
from crm_assets.sources.mapping.rows import TEXT, Rows, Values, shown_header
from crm_assets.sources.mapping.ways import check_truth, contradictions, holds, other_words

# A larger share of deals without a stage is a habit of the CRM, which the mapping has to explain.
FEW_EMPTY = 0.05
_IN_PIPELINE = re.compile(r"\s*\([^()]*\)\s*$")


@dataclass(frozen=True)
class StageList:
    """The CRM's stages, in the order of the mapping or of the CRM's own file.

    Attributes:
        ids: ids by which deals refer to a stage; empty if they use names.
        names: the stages' names, as the CRM shows them.
        meanings: what each means.
        positions: its place among the open stages of its pipeline, from 1; null for closed ones.
    """

    ids: pa.Array
    names: pa.Array
    meanings: pa.Array
    positions: pa.Array


@dataclass(frozen=True)
class Told:
    """What is told of each deal.

    Attributes:
        stage: our stage.
        name: the CRM's own name of the stage; None if the deals have no stage.
        position: the place of an open deal's stage, from 1; null if unknown.
        notes: what was decided, in sentences.
    """

    stage: pa.Array
    name: pa.Array | None
    position: pa.Array
    notes: list[str] = field(default_factory=list)

    @cached_property
    def masks(self) -> dict[str, pa.Array]:
        """Which deals are open, closed, won, lost or engaged."""
        stage = pc.fill_null(self.stage, "")
        won, lost = pc.equal(stage, Stage.WON.value), pc.equal(stage, Stage.LOST.value)
        closed = pc.or_(won, lost)
        engaged = pc.not_equal(stage, Stage.PROSPECTING.value)
        return {"won": won, "lost": lost, "closed": closed, "open": pc.invert(closed), "engaged": engaged}


def tell(loaded: LoadedMapping, rows: Rows, values: Values) -> Told:
    """Tell open, won and lost deals apart.

    Raises:
        BadInputError: the files do not say it, or a deal's stage has no meaning in the mapping.
    """
    mapping = loaded.mapping
    stages = stage_list(loaded, values)
    given = values.take(mapping.deals.stage, rows) if mapping.deals.stage else None
    name, meaning, position = _of_stages(given, stages, values, len(rows))
    ours = np.full(len(rows), "", dtype=object)
    ways_used = 0
    notes: list[str] = []
    for way in mapping.outcome:
        won, both_won = holds(way.won, rows.column)
        lost, both_lost = holds(way.lost, rows.column)
        if won is None and lost is None:
            continue
        check_truth(loaded, way, rows)
        ways_used += 1
        undecided = ours == ""
        if won is not None:
            ours[undecided & won.to_numpy(zero_copy_only=False)] = Stage.WON
        if lost is not None:
            ours[undecided & (ours == "") & lost.to_numpy(zero_copy_only=False)] = Stage.LOST
        if both_won is not None and both_lost is not None:
            known = pc.and_(both_won, both_lost).to_numpy(zero_copy_only=False)
            still_open = (ours == "") & known
            ours[still_open] = Stage.ENGAGING
            notes += other_words(way, rows, still_open)
    if given is None and not ways_used:
        raise _no_way(loaded, rows)
    notes += contradictions(ours, meaning, name, rows)
    prospecting = (ours == Stage.ENGAGING) & (meaning == Stage.PROSPECTING)
    ours = np.where((ours == "") & (meaning != ""), meaning, ours)
    ours[prospecting] = Stage.PROSPECTING
    notes += _settle_unknown(ours, given, name, loaded, rows, told_otherwise=ways_used > 0)
    open_ = (ours == Stage.ENGAGING) | (ours == Stage.PROSPECTING)
    place = pa.array(np.where(open_, position, 0), pa.int64(), mask=~open_ | (position == 0))
    stage = pa.array(ours, TEXT, mask=ours == "")
    return Told(stage, name, place, [*notes, *_notes(ours, name, position, rows)])


def stage_list(loaded: LoadedMapping, values: Values) -> StageList:
    """Return the stages of the mapping, and those of the CRM's own file if it is there."""
    stages, listed = loaded.mapping.stages, loaded.mapping.stages.listed_in
    by_section = {
        "prospecting": [(name, Stage.PROSPECTING, 0) for name in stages.prospecting],
        "open": [
            (name, Stage.ENGAGING, at) for at, names in enumerate(stages.open, start=1) for name in names
        ],
        "won": [(name, Stage.WON, 0) for name in stages.won],
        "lost": [(name, Stage.LOST, 0) for name in stages.lost],
    }
    # Of a stage in two lists, the list that the user wrote counts, not the preset's.
    ordered = sorted(by_section, key=lambda section: not loaded.wrote("stages", section))
    named = [one for section in ordered for one in by_section[section]]
    ours = StageList(
        pa.nulls(len(named), TEXT),
        pa.array([name for name, _, _ in named], TEXT),
        pa.array([meaning.value for _, meaning, _ in named], TEXT),
        pa.array([at or None for _, _, at in named], pa.int64()),
    )
    rows = values.rows_of(listed.file) if listed else None
    names = values.take(listed.name, rows) if listed and rows else None
    if listed is None or rows is None or names is None:
        return ours
    ids = values.take(listed.id, rows) if listed.id else None
    meaning = np.full(len(rows), Stage.ENGAGING.value, dtype=object)
    for condition, means in ((listed.lost, Stage.LOST), (listed.won, Stage.WON)):
        met, _ = holds(condition, rows.column)
        if met is not None:
            meaning[met.to_numpy(zero_copy_only=False)] = means.value
    # The user's own lists say more than the file: which stages come before a deal is engaged.
    written = _positions_of(names, ours)
    meaning = np.where(
        written >= 0, np.array([*ours.meanings.to_pylist(), ""], dtype=object)[written], meaning
    )
    order = values.take(listed.order, rows) if listed.order else None
    pipeline = values.take(listed.pipeline, rows) if listed.pipeline else None
    places = _ranked(order, pipeline, meaning)
    # The lists come last: they give a meaning to stages that the file does not list, but no place.
    return StageList(
        pa.concat_arrays([ids if ids is not None else pa.nulls(len(rows), TEXT), ours.ids]),
        pa.concat_arrays([names, ours.names]),
        pa.concat_arrays([pa.array(meaning, TEXT), ours.meanings]),
        pa.concat_arrays(
            [pa.array(places, pa.int64(), mask=places == 0), pa.nulls(len(ours.names), pa.int64())]
        ),
    )


def _positions_of(names: pa.Array, stages: StageList) -> np.ndarray:
    """Return the positions of stages in the list, by name; -1 if a name is not listed."""
    known = {same(name): at for at, name in reversed(list(enumerate(stages.names.to_pylist()))) if name}

    def position(name: str | None) -> int:
        if not name:
            return -1
        # Some exports write the pipeline behind the stage: `Closed Won (Sales)`.
        return known.get(same(name), known.get(same(_IN_PIPELINE.sub("", name)), -1))

    return np.array([position(name) for name in names.to_pylist()], dtype="int64")


def _ranked(order: pa.Array | None, pipeline: pa.Array | None, meaning: np.ndarray) -> np.ndarray:
    """Return the places of open stages within their pipeline, from 1; 0 for others, and without an order."""
    if order is None:
        return np.zeros(len(meaning), dtype="int64")
    frame = pd.DataFrame(
        {
            "order": pd.to_numeric(order.to_pandas(), errors="coerce"),
            "pipeline": "" if pipeline is None else pipeline.to_pandas().fillna(""),
        }
    )
    open_ = meaning == Stage.ENGAGING.value
    ranks = frame[open_].groupby("pipeline")["order"].rank(method="dense").fillna(0)
    places = np.zeros(len(meaning), dtype="int64")
    places[open_] = ranks.to_numpy(dtype="int64")
    return places


def _of_stages(
    given: pa.Array | None, stages: StageList, values: Values, n: int
) -> tuple[pa.Array | None, np.ndarray, np.ndarray]:
    """Return each deal's stage as the CRM shows it, its meaning (or empty), and its place (or 0)."""
    if given is None:
        return None, np.full(n, "", dtype=object), np.zeros(n, dtype="int64")
    encoded = given.dictionary_encode()
    texts = encoded.dictionary
    by_id = pc.index_in(values.ids(texts), value_set=values.ids(stages.ids), skip_nulls=True)
    by_name = pa.array(_positions_of(texts, stages))
    at = pc.coalesce(by_id, pc.if_else(pc.less(by_name, 0), pa.scalar(None, pa.int64()), by_name))
    shown = pc.coalesce(stages.names.take(by_id), texts)
    indices = encoded.indices
    meaning = pc.fill_null(stages.meanings.take(at).take(indices), "")
    place = pc.fill_null(stages.positions.take(at).take(indices), 0)
    return (
        shown.take(indices),
        meaning.to_numpy(zero_copy_only=False),
        place.to_numpy(zero_copy_only=False).astype("int64"),
    )


def _settle_unknown(
    ours: np.ndarray,
    given: pa.Array | None,
    name: pa.Array | None,
    loaded: LoadedMapping,
    rows: Rows,
    *,
    told_otherwise: bool,
) -> list[str]:
    """Settle the deals that nothing has decided: without a stage, or with a stage of unknown meaning.

    Deals without a stage cannot be used: their stage stays empty, and the judge sets them aside.

    Raises:
        BadInputError: a stage has no meaning, or many deals have no stage.
    """
    unknown = ours == ""
    empty = unknown if given is None else unknown & pc.is_null(given).to_numpy(zero_copy_only=False)
    if loaded.mapping.stages.empty == "open" or (given is None and told_otherwise):
        ours[empty] = Stage.ENGAGING
        unknown = unknown & ~empty
        empty = np.zeros_like(empty)
    notes = []
    if 0 < empty.sum() <= FEW_EMPTY * len(rows):
        unknown = unknown & ~empty
        notes.append(
            f"{rows.name}: {int(empty.sum()):,} rows have no stage and cannot be used; `stages: {{empty: "
            f"open}}` in {loaded.remedy_file} counts such deals as open."
        )
    if not unknown.any():
        return notes
    found = counted(pa.nulls(len(ours), TEXT) if name is None else name.filter(pa.array(unknown)))
    stages = loaded.mapping.stages
    listed = [
        *stages.prospecting,
        *(one for names in stages.open for one in names),
        *stages.won,
        *stages.lost,
    ]
    raise BadInputError(
        f"{rows.name}: stages without a meaning in {loaded.name}: {found}. It knows "
        f"{', '.join(listed) or 'no stage'}. Add each one to stages: open (in order), won or lost in "
        f"{loaded.remedy_file}; `stages: {{empty: open}}` counts deals without a stage as open."
    )


def _no_way(loaded: LoadedMapping, rows: Rows) -> BadInputError:
    mapping = loaded.mapping
    stage = mapping.deals.stage.columns if mapping.deals.stage else []
    flags = [name for way in mapping.outcome for name in (*way.won, *way.lost)]
    looked_for = ", ".join(dict.fromkeys([*stage, *flags]))
    return BadInputError(
        f"{rows.name}: nothing says which deals are won or lost. The mapping looks for "
        f"{looked_for or 'nothing'}; the file has {shown_header(rows.header)}. Name the stage's column under "
        f"deals: stage, or the columns that say it under outcome, in {loaded.remedy_file}."
    )


def _notes(ours: np.ndarray, name: pa.Array | None, position: np.ndarray, rows: Rows) -> list[str]:
    if name is None:
        return [f"{rows.name} has no stage: open deals are not told apart by stage."]
    has = pc.is_valid(name).to_numpy(zero_copy_only=False)
    unplaced = (ours == Stage.ENGAGING) & (position == 0) & has
    if not unplaced.any():
        return []
    found = counted(name.filter(pa.array(unplaced)))
    return [
        f"{rows.name}: open stages without a place in the order of stages: {found}; add them to stages: open."
    ]
