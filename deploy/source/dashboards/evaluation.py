"""How good are the answers, and does evaluation keep up?"""

from deploy.source.dashboards.scores import SCORE_ROWS
from deploy.source.panel import Dashboard

EVALUATION = Dashboard(
    "tollway-evaluation", "Tollway: evaluation", "How good are the answers, and does evaluation keep up?", SCORE_ROWS
)
