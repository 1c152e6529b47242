"""Writes what an experiment found: one page that opens without a network, and the same as Markdown, CSV and JSON."""

import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from deeper_jax.evaluation.report.evaluation_report import package_versions, write_csv, write_json
from deeper_jax.evaluation.report.tables import Section, TextTable, markdown_section, markdown_text
from deeper_jax.evaluation.report.web_page import data_html, headline_html, picture_html, section_html, write_web_page
from deeper_jax.evaluation.report.words import from_here, in_words
from deeper_jax.evaluation.summary import REFERENCE
from deeper_jax.experiments.figures import Picture


@dataclass(frozen=True)
class Report:
    """What an experiment found.

    Attributes:
      name: of the experiment and of its folder.
      title: the page's heading.
      headline: what was found, in a sentence or two.
      data: one sentence: simulated or measured, how many, from where.
      parts: sections and pictures, in order.
      results: every number by itself, for results.json.
      config: what it was run with.
    """

    name: str
    title: str
    headline: str
    data: str
    parts: Sequence[Section | Picture]
    results: Mapping[str, Any]
    config: Mapping[str, Any]


def write_report(report: Report, folder: Path, command: str) -> Path:
    """Write index.html, report.md, results.json and one CSV a table; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {"command": command, "versions": package_versions(), "hardware": hardware(), "config": report.config}
    made = _how_it_was_made(record)
    parts = [part if isinstance(part, Picture) else section_html(part, REFERENCE) for part in (*report.parts, made)]
    shown = [picture_html(*part) if isinstance(part, Picture) else part for part in parts]
    data = from_here(report.data)
    page = write_web_page(
        folder / "index.html", report.title, [headline_html(report.headline), data_html(data), *shown]
    )
    lines = [
        f"# {markdown_text(report.title)}",
        "",
        f"**{markdown_text(report.headline)}**",
        "",
        markdown_text(data),
        "",
    ]
    for part in (*report.parts, made):
        if isinstance(part, Picture):
            lines += [f"![{markdown_text(part.caption)}]({part.path.name})", ""]
        else:
            lines += markdown_section(part)
            if part.table is not None and part is not made:
                write_csv(folder / f"{_slug(part.title)}.csv", [part.table.header, *part.table.body])
    (folder / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    content = {"experiment": report.name, "data": report.data, "results": report.results, **record}
    write_json(folder / "results.json", content)
    return page


def hardware() -> str:
    """The devices and the processor that this process runs on, in words."""
    devices = jax.devices()
    return f"{len(devices)} x {devices[0].device_kind} ({devices[0].platform}), {platform.machine()}, {_processor()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} cores of {names[0]}" if names else platform.processor()


def _how_it_was_made(record: Mapping[str, Any]) -> Section:
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    settings = [[name, in_words(value)] for name, value in sorted(_flat(record["config"]).items())]
    items = [f"Command: {from_here(record['command'])}", f"Versions: {versions}", f"Hardware: {record['hardware']}"]
    return Section("How it was made", items, TextTable(["setting (seeds included)", "value"], settings), folded=True)


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, Mapping) and value else {name: value}
    return flat


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
