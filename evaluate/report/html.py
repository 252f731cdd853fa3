"""The report as one HTML page that opens from disk: no other file, no network, and a policy that forbids both.

Text from models and files enters as escaped text, or as JSON in an element that is never run; the page's own script puts
it on screen as text. The policy admits that one script and that one style sheet, by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from journey.evaluate.report import behaviour as behaviour_part
from journey.evaluate.report import recovery as recovery_part
from journey.evaluate.report.behaviour import HEADS, BehaviourSection
from journey.evaluate.report.charts import chart, overview, plot
from journey.evaluate.report.content import Content
from journey.evaluate.report.costs import Costs
from journey.evaluate.report.summary import record
from journey.evaluate.report.summary.record import FirstScreen
from journey.evaluate.report.training import TrainingSection
from journey.evaluate.report.words import GUIDE, ONLY_THESE

HERE = Path(__file__).parent
_STYLES = ("style.css", "parts.css", "first.css")
_SCRIPTS = ("text.js", "math.js", "viewer.js", "start.js")
_POLICY = "default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"


def page(
    first: FirstScreen,
    content: Content,
    costs: Costs,
    behaviour: BehaviourSection,
    training: TrainingSection,
    answers: str,
) -> bytes:
    """The whole page. `answers` is the viewer's data in base64 (see `viewer.embedded`)."""
    style, script = _joined(_STYLES), _joined(_SCRIPTS)
    tables = [table for table in content.tables if table.first]
    tones = chart.tones(row.arm for table in tables for row in table.rows)
    text = (
        _environment()
        .get_template("report.html.j2")
        .render(
            first=first,
            words=record,
            overview=[overview.overview(tables, tones, layout) for layout in (overview.WIDE, overview.NARROW)],
            content=content,
            costs=costs,
            behaviour=behaviour,
            training=training,
            behaviour_columns=behaviour_part,
            recovery_part=recovery_part,
            habit_heads=list(HEADS.values()),
            answers=Markup(answers),
            style=Markup(style),
            script=Markup(script),
            policy=_POLICY.format(style=_hash(style), script=_hash(script)),
            plot=plot,
            guide=GUIDE,
            only_these=ONLY_THESE,
        )
    )
    return text.encode()


def without_script(template: str, **content: Any) -> bytes:
    """A page in the same style that needs no script."""
    style = _joined(_STYLES)
    policy = _POLICY.format(style=_hash(style), script="'none'")
    text = _environment().get_template(template).render(style=Markup(style), policy=policy, plot=plot, **content)
    return text.encode()


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _joined(names: Sequence[str]) -> str:
    return "".join((HERE / f"{name}.j2").read_text(encoding="utf-8") for name in names)


def _hash(text: str) -> str:
    """A source expression of the content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
