"""Names in MLflow: one experiment and one registered model for each target."""

from __future__ import annotations

from crm_assets.crm.targets import DEFAULT_TARGET, Target


def experiment_name(target: Target) -> str:
    """Return the name of a target's experiment.

    >>> experiment_name(Target("won_next_month", 1)), experiment_name(Target("won_in_3_months", 3))
    ('monthly_win_probability', 'monthly_win_probability_won_in_3_months')
    """
    base = "monthly_win_probability"
    # The default's name is older than targets, and existing registries use it.
    return base if target.name == DEFAULT_TARGET.name else f"{base}_{target.name}"


def model_name(target: Target) -> str:
    """Return the name of a target's registered model.

    >>> model_name(Target("won_next_month", 1))
    'monthly_win_probability_model'
    """
    return f"{experiment_name(target)}_model"


EXPERIMENT, MODEL = experiment_name(DEFAULT_TARGET), model_name(DEFAULT_TARGET)
