"""What a person can do to the champion: promote a version, or roll back to the former champion.

Both only move aliases; for the rest of the graph they look like an automatic promotion.
"""

from __future__ import annotations

from collections.abc import Collection

from crm_assets.crm.all_features import ALL_FEATURE_NAMES
from crm_assets.errors import RegistryError
from crm_assets.registry import aliases, models, tracking
from crm_assets.registry.aliases import CHAMPION, Move


def promote(version: str, forbidden: Collection[str] = ()) -> Move:
    """Make a version champion, regardless of its scores.

    Args:
        version: its number.
        forbidden: features that no model may use now.

    Raises:
        RegistryError: there is no such version, it is champion already, or it cannot score the tables.
    """
    with tracking.alone():
        version = str(aliases.existing(version).version)
        current = aliases.holder(CHAMPION)
        if current is not None and str(current.version) == version:
            raise RegistryError(f"Version {version} is already champion; nothing was changed.")
        _fit_to_score(version, forbidden)
        move = aliases.make_champion(version)
    replaced = "There was no champion." if move.former is None else f"It replaced version {move.former}."
    models.tell(version, "promoted", f"A person promoted it. {replaced}")
    if move.former is not None:
        models.tell(move.former, "replaced", f"A person promoted version {version}.")
    return move


def rollback(forbidden: Collection[str] = ()) -> Move:
    """Make the former champion champion again; each further rollback goes back one more.

    Rollback only moves backwards. To reinstate a version you rolled back from, promote it by number.

    Args:
        forbidden: features that no model may use now.

    Raises:
        RegistryError: there is no champion, no former one, or the former one cannot score the tables.
    """
    with tracking.alone():
        version, history = aliases.former_champion()
        _fit_to_score(version, forbidden)
        move = aliases.go_back(version, history)
    if move.former is not None:
        models.tell(move.former, "rolled back", f"A person rolled back to version {version}.")
    models.tell(version, "promoted", f"A person rolled back to it from version {move.former}.")
    return move


def _fit_to_score(version: str, forbidden: Collection[str]) -> None:
    features = models.load_version(aliases.existing(version)).features
    if unknown := sorted(set(features) - set(ALL_FEATURE_NAMES)):
        raise RegistryError(
            f"Version {version} cannot score: it uses {', '.join(unknown)}, which are no features. "
            "Choose another version."
        )
    if guilty := [name for name in features if name in forbidden]:
        raise RegistryError(
            f"Version {version} uses {', '.join(guilty)}, which the leak audit or CRM_EXCLUDE_FEATURES rules "
            "out. Choose another version, or change CRM_ADMIT_FEATURES or CRM_EXCLUDE_FEATURES and "
            "materialize leak_audit."
        )
