"""The page about the figures that ``run --metrics-port`` serves."""

from __future__ import annotations

from dlcore.cli.live.metrics import RunMetrics
from dlcore.engine import events
from tests.docs.reference import markdown

_INTRODUCTION = """\
What `dlcore run --metrics-port PORT` serves at `http://127.0.0.1:PORT/metrics` while a run goes on
([reports](../reports.md#while-the-run-goes-on)). It needs the extra `metrics`. Counters begin at
zero with each process."""
_EVENTS = (
    events.Progress(1, 1, 1.0, endpoints={"name": events.EndpointProgress(1, 1.0)}),
    events.StepEnded(0, "name", "succeeded", 0, 1.0),
    events.StepEnded(0, "name", "failed", 1, 1.0),
    events.StepSkipped(0, "name", "condition"),
    events.PackageReady("ABC00001", "path"),
    events.PackageFailed("ABC00001", "message"),
)
"""Each figure gets a sample by one of them."""


def page() -> str:
    """The whole page."""
    metrics = RunMetrics()
    for event in _EVENTS:
        metrics.hear(event)
    rows = []
    for family in metrics.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = family.samples[0].labels
        values = [
            f"`{sample.labels['outcome']}`" for sample in family.samples if "outcome" in labels
        ]
        told = (
            f"{family.documentation} Outcomes: {', '.join(values)}."
            if values
            else family.documentation
        )
        label = ", ".join(f"`{label}`" for label in labels)
        rows.append([f"`{name}`", family.type, label, markdown.cell(told)])
    return markdown.page(
        "# Metrics",
        f"{_INTRODUCTION} {markdown.GENERATED}",
        markdown.table(["Name", "Type", "Label", "Meaning"], rows),
    )
