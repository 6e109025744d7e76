"""The panels of the dashboard: what each shows, and the expressions behind it."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client.metrics import MetricWrapperBase

from crm_assets.monitoring import metrics as m
from crm_assets.monitoring.tables import BRIER, ECE, REVENUE, ROC_AUC, SEASON, WINS
from crm_assets.monitoring.tables import MODEL as MODEL_SAID
from crm_assets.serving.metrics import Metrics

STAT, LINES, TABLE = "stat", "lines", "table"
RATE = "[$__rate_interval]"

api = Metrics()


def name(metric: MetricWrapperBase) -> str:
    """Return the name of a metric of the REST API, as Prometheus stores it."""
    found = next(iter(metric.describe()))
    return f"{found.name}_total" if found.type == "counter" else found.name


@dataclass(frozen=True)
class Panel:
    """A panel.

    Attributes:
        title: its title.
        about: what it shows, in a sentence.
        queries: expressions and the legend of each; `{{label}}` is the value of a label.
        unit: Grafana's name of the unit.
        kind: how it looks.
        width: of 24 columns.
        limits: from which value on it is orange, and red; a lower second one means low is bad.
        named: show the names of the series instead of values.
        sorted_by: the column that a table is sorted by; months, the newest first.
    """

    title: str
    about: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = LINES
    width: int = 12
    limits: tuple[float, float] | None = None
    named: bool = False
    sorted_by: str = "month"


def _success(asset: str) -> str:
    return f'max({m.ASSET_SUCCESS.name}{{asset="{asset}"}})'


def _of_month(metric: m.Metric, by: str = "") -> str:
    only = f'{{by="{by}"}}' if by else ""
    return f"sum by (month) ({metric.name}{only})"


def _latency(quantile: float) -> str:
    return f"histogram_quantile({quantile:g}, sum by (le) (rate({name(api.seconds)}_bucket{RATE})))"


DAY = 86_400.0
NOW = (
    Panel(
        "Since predictions were made",
        "Time since the newest success of win_predictions.",
        ((f"time() - {_success('win_predictions')}", ""),),
        "s",
        STAT,
        4,
        (33 * DAY, 40 * DAY),
    ),
    Panel(
        "Age of the data",
        "Time since the last day that the newest dump shows.",
        ((f"time() - {m.DATA_KNOWN.name}", ""),),
        "s",
        STAT,
        4,
    ),
    Panel(
        "Age of what the champion knows",
        "Time since the end of the last month whose outcomes it has learned.",
        ((f"time() - {m.CHAMPION_TRAINED.name}", ""),),
        "s",
        STAT,
        4,
    ),
    Panel(
        "Champion",
        "Version and algorithm of the champion.",
        ((m.CHAMPION.name, "version {{version}}, {{algorithm}}"),),
        "none",
        STAT,
        5,
        None,
        True,
    ),
    Panel("Runs under way", m.RUNS_UNDER_WAY.about, ((m.RUNS_UNDER_WAY.name, ""),), "none", STAT, 3),
    Panel(
        "Metrics can be read",
        "1 if Dagster's history, the tables and the registry could all be read.",
        ((f"min({m.UP.name})", ""),),
        "none",
        STAT,
        4,
        (1, 0.5),
    ),
)
PIPELINE = (
    Panel(
        "Last success by asset",
        m.ASSET_SUCCESS.about,
        ((f"max by (asset) ({m.ASSET_SUCCESS.name}) * 1000", "last success"),),
        "dateTimeAsIso",
        TABLE,
        8,
        sorted_by="last success",
    ),
    Panel(
        "Last success by month",
        "When the predictions of each of the newest months were last made.",
        ((f'max by (month) ({m.ASSET_SUCCESS.name}{{asset="win_predictions"}}) * 1000', "last success"),),
        "dateTimeAsIso",
        TABLE,
        8,
    ),
    Panel(
        "Last end of a run",
        "When a run last succeeded and last failed.",
        ((f"{m.RUN_END.name} * 1000", "last end"),),
        "dateTimeAsIso",
        TABLE,
        8,
        sorted_by="last end",
    ),
    Panel("Rows by asset", m.ASSET_ROWS.about, ((f"sum by (asset) ({m.ASSET_ROWS.name})", "{{asset}}"),)),
    Panel("Quality of tables", m.QUALITY.about, ((m.QUALITY.name, "{{table}}"),), "percentunit", LINES, 6),
    Panel("Quarantined rows", m.QUARANTINED.about, ((m.QUARANTINED.name, "{{table}}"),), "short", LINES, 6),
)
MODEL = (
    Panel("Wins of the next month", m.FORECAST[WINS].about, ((m.FORECAST[WINS].name, "{{bound}}"),)),
    Panel(
        "Revenue of the next month, in the CRM's currency",
        m.FORECAST[REVENUE].about,
        ((m.FORECAST[REVENUE].name, "{{bound}}"),),
    ),
    Panel(
        "Wins by month: said and came",
        "What was forecast for each month that is over, by the model and by the season, and what came.",
        (
            (_of_month(m.SAID[WINS], MODEL_SAID), "said by the model"),
            (_of_month(m.SAID[WINS], SEASON), "said by the season"),
            (_of_month(m.CAME[WINS]), "came"),
        ),
        "short",
        TABLE,
    ),
    Panel(
        "Scores and drift by month",
        "How good the predictions for each month that is over were, and how many columns drifted in it.",
        (
            *((_of_month(m.MONTH_SCORE[score], MODEL_SAID), score) for score in m.MONTH_SCORE),
            (_of_month(m.DRIFTED), "drifted columns"),
        ),
        "short",
        TABLE,
    ),
    Panel(
        "Error of the newest finished month",
        "(said - came) / came.",
        tuple((metric.name, f"{name}, {{{{by}}}}") for name, metric in m.LAST_ERROR.items()),
        "percentunit",
        LINES,
        8,
    ),
    Panel(
        "ROC AUC",
        "Of the newest finished month, of the newest predictions as expected, and of the test months.",
        (
            (m.LAST_SCORE[ROC_AUC].name, "newest finished month, {{by}}"),
            (m.ESTIMATED[ROC_AUC].name, "to expect, {{bound}}"),
            (m.CHAMPION_SCORE[ROC_AUC].name, "test months"),
        ),
        "short",
        LINES,
        8,
    ),
    Panel(
        "Calibration and Brier score, lower is better",
        "Of the newest finished month, and of the champion's test months.",
        (
            (m.LAST_SCORE[BRIER].name, "Brier, {{by}}"),
            (m.ESTIMATED[BRIER].name, "Brier to expect, {{bound}}"),
            (m.CHAMPION_SCORE[BRIER].name, "Brier, test months"),
            (m.LAST_SCORE[ECE].name, "calibration error, {{by}}"),
            (m.CHAMPION_SCORE[ECE].name, "calibration error, test months"),
        ),
        "short",
        LINES,
        8,
    ),
)
API = (
    Panel(
        "Requests",
        "Requests per second by status.",
        ((f"sum by (status) (rate({name(api.requests)}{RATE}))", "{{status}}"),),
        "reqps",
        LINES,
        8,
    ),
    Panel(
        "Time to answer",
        "Seconds from the request's head to the end of the answer, by share of requests.",
        tuple((_latency(quantile), f"{100 * quantile:g} %") for quantile in (0.5, 0.95, 0.99)),
        "s",
        LINES,
        8,
    ),
    Panel(
        "Time to answer by route",
        "95 % of the requests are faster.",
        (
            (
                f"histogram_quantile(0.95, sum by (le, route) (rate({name(api.seconds)}_bucket{RATE})))",
                "{{route}}",
            ),
        ),
        "s",
        LINES,
        8,
    ),
    Panel("Requests under way", "Now.", ((name(api.in_flight), ""),), "none", STAT, 4),
    Panel("Model in force", "Its version; 0 without one.", ((name(api.model), ""),), "none", STAT, 4),
    Panel("Changes of the model", "Since the API started.", ((name(api.switches), ""),), "none", STAT, 4),
    Panel(
        "Parts",
        "1 if the part answered when last asked.",
        ((name(api.healthy), "{{part}}"),),
        "none",
        STAT,
        12,
        (1, 0.5),
    ),
    Panel(
        "Fresh predictions",
        "Deals per second that were predicted afresh.",
        ((f"sum(rate({name(api.deals)}{RATE}))", "deals"),),
    ),
    Panel("Answers from the cache", "Since the API started.", ((name(api.cache), "{{what}}"),)),
)
SECTIONS = (("Now", NOW), ("Pipeline", PIPELINE), ("Model and forecast", MODEL), ("REST API", API))
