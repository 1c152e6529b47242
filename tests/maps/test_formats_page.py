"""docs/formats.md says what the registry of readers has: names, suffixes, libraries, and what is refused."""

import re
import tomllib

from paths import ROOT

from deeper_jax.maps import registry

PAGE = (ROOT / "docs" / "formats.md").read_text()
KINDS = {"single", "list", "line", "map", "depth", "time series", "stack"}


def rows(first_title):
    """The rows of the table whose first column has that title, as {title: text}."""
    lines = PAGE[PAGE.index(f"\n| {first_title} |") + 1 :].split("\n\n")[0].splitlines()
    titles, _, *body = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(titles, cells, strict=True)) for cells in body]


def test_formats_and_suffixes():
    listed = {row["format"]: tuple(row["suffixes"].split(", ")) for row in rows("format")}
    assert listed == {form.name: form.suffixes for form in registry.FORMATS}


def test_what_is_read_and_by_installed_libraries():
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    libraries = {re.match(r"[\w-]+", line)[0] for line in needed} | {"our own"}
    for row in rows("format"):
        assert set(row["by which library"].split(", ")) <= libraries
        assert row["tried on"]
        kinds = row["what is read"].split(";")[0]
        assert row["format"] == "OME-TIFF" or set(kinds.split(", ")) <= KINDS


def test_what_is_refused_by_name():
    listed = [suffix for row in rows("suffixes") for suffix in row["suffixes"].split(", ")]
    assert sorted(listed) == sorted(registry._UNREAD)


def test_what_is_written():
    (line,) = re.findall(r"^Written, and read back.*?\(", PAGE, re.M | re.S)
    assert set(re.findall(r"\.\w+", line)) | {".tiff"} == set(registry.WRITTEN)
