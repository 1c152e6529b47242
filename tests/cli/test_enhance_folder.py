"""`deeper-jax enhance` on many files: all that can be done is done, what fails is told, nothing is overwritten."""

import csv
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from paths import ROOT
from processes import environment
from tiny_models import spectra_of_bands

from deeper_jax.cli.main import main
from deeper_jax.maps import raman_map, read_data_set, write_map


@pytest.fixture
def scans(tmp_path, monkeypatch):
    """A folder of three maps and two broken files, from beside it."""
    monkeypatch.chdir(tmp_path)
    folder = Path("scans")
    folder.mkdir()
    values, axis = spectra_of_bands(3, 4)
    for name in "abd":
        write_map(raman_map(values, axis, y=np.arange(3.0), x=np.arange(4.0)), folder / f"{name}.npz")
    (folder / "c.wdf").write_bytes(b"WDF1 and no more")
    (folder / "e.npz").write_bytes(b"")
    (folder / "notes.pdf").write_bytes(b"of no known kind")
    return folder


def ended(capsys, *arguments) -> tuple[int, str, list[str]]:
    """Exit status, what is printed, and the sentences on the terminal."""
    status = 0
    try:
        main(["enhance", *map(str, arguments)])
    except SystemExit as exit_:
        status = exit_.code
    printed = capsys.readouterr()
    return status, printed.out, printed.err.splitlines()


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_fails_does_not_stop_the_others(scans, weights, tmp_path, capsys):
    status, said, sentences = ended(capsys, scans, "--output-dir=out", "--no-page", weights)
    assert status == 1
    assert [sentence.split(": ")[1] for sentence in sentences[:2]] == ["scans/c.wdf", "scans/e.npz"]
    assert sentences[2:] == ["deeper-jax: 2 of 5 files failed."]
    results = [f"{name}_enhanced.h5" for name in "abd"]
    assert names(tmp_path / "out") == [*results, "summary.csv", "summary.html"]
    assert "[1/5] scans/a.npz: out/a_enhanced.h5" in said and "3 of 5 files enhanced" in said
    with open("out/summary.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["enhanced", "enhanced", "failed", "enhanced", "failed"]
    assert rows[0]["spectra"] == "12" and "damaged or cut short" in rows[2]["message"]
    found = read_data_set("out/a_enhanced.h5")
    assert float(rows[0]["noise_rms"]) == pytest.approx(found.attrs["noise_rms"])
    page = (tmp_path / "out" / "summary.html").read_text()
    assert "5 files: 3 enhanced, 2 failed" in page and "out/d_enhanced.h5" in page and "<script" not in page
    assert page.index("scans/c.wdf: found") < page.index("<table>")


def test_each_result_is_that_of_its_file_alone(scans, weights, capsys):
    assert ended(capsys, scans / "a.npz", scans / "b.npz", "--output-dir=out", "--no-page", weights)[0] == 0
    main(["enhance", str(scans / "b.npz"), "-o", "alone.h5", "--no-page", weights])
    assert read_data_set("alone.h5").identical(read_data_set("out/b_enhanced.h5"))


def test_resuming_skips_what_is_done_and_overwrites_nothing(scans, weights, tmp_path, capsys):
    assert ended(capsys, scans / "a.npz", "--output-dir=out", "--no-page", weights)[0] == 0
    before = (tmp_path / "out" / "a_enhanced.h5").read_bytes()
    status, said, sentences = ended(capsys, scans, "--output-dir=out", "--no-page", weights)
    assert status == 2 and len(sentences) == 1 and "a_enhanced.h5 and 2 more: found existing files" in sentences[0]
    assert len(names(tmp_path / "out")) == 3 and not said
    status, said, _ = ended(capsys, scans, "--glob=[abd].npz", "--output-dir=out", "--no-page", weights, "--resume")
    assert status == 0 and "scans/a.npz: done before, skipped" in said and "b_enhanced.h5" in said
    assert (tmp_path / "out" / "a_enhanced.h5").read_bytes() == before
    table = (tmp_path / "out" / "summary.csv").read_text()
    assert table.count("done before") == 1 and table.count(",enhanced,") == 2


def test_what_was_made_of_another_file_or_otherwise_is_not_taken_for_done(scans, weights, tmp_path, capsys):
    given = [scans / "a.npz", scans / "b.npz", "--output-dir=out", "--no-page", weights]
    assert ended(capsys, *given)[0] == 0
    before = (tmp_path / "out" / "a_enhanced.h5").read_bytes()
    values, axis = spectra_of_bands(4, 4)
    write_map(raman_map(values, axis, y=np.arange(4.0), x=np.arange(4.0)), scans / "a.npz", overwrite=True)
    status, said, sentences = ended(capsys, *given, "--resume")
    assert status == 1 and "scans/b.npz: done before, skipped" in said
    assert "scans/a.npz: out/a_enhanced.h5 was made of another file or with other options (bytes was" in sentences[0]
    assert (tmp_path / "out" / "a_enhanced.h5").read_bytes() == before
    status, said, sentences = ended(capsys, *given[1:], "--resume", "--noise=3")
    assert status == 1 and "(noise was None, now 3.0); give another" in sentences[0]


def test_several_processes_are_refused_on_a_gpu(scans, weights, monkeypatch, capsys):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr("deeper_jax.cli.compiled_programs.keep_compiled_programs", lambda: None)
    status, said, sentences = ended(capsys, scans, "--output-dir=out", weights, "--jobs=2")
    assert status == 2 and not said and "--jobs is 2, but the work is done on a gpu" in sentences[0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["scans"],
            "scans: found a folder, expected a file of Raman spectra; give the file inside it. Or for many files give "
            "--output-dir",
        ),
        (["scans/a.npz", "scans/b.npz"], "scans/b.npz: found a second file"),
        (["scans/a.npz", "--resume"], "--resume is for many files"),
        (["scans", "--output-dir=out", "-o", "b.h5"], "--output names one file"),
        (["scans", "--output-dir=out", "--jobs=0"], "--jobs is 0"),
        (["scans", "--output-dir=out", "--summary=a/b"], "give a name without a folder"),
        (["scans", "--output-dir=out", "--glob=*.spc"], "found no file of spectra"),
        (["scans", "--output-dir=out", "--noise=-1"], "noise is -1.0"),
        (["scans", "--output-dir=out", "--model=nowhere"], "nowhere: does not exist"),
        (["scans", "--output-dir=scans/a.npz"], "found a file, expected a folder"),
        (["scans/a.npz", "twin/A.txt", "--output-dir=out"], "both would be written to out/"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(arguments, sentence, scans, tmp_path, capsys):
    status, said, sentences = ended(capsys, *arguments)
    assert status == 2 and not said and len(sentences) == 1 and sentence in sentences[0]
    assert not list(tmp_path.rglob("*_enhanced*")) and len(names(scans)) == 6


def test_a_dry_run_writes_nothing(scans, tmp_path, capsys):
    status, said, sentences = ended(capsys, scans, "--output-dir=out", "--dry-run")
    assert status == 1 and "scans/a.npz (NumPy .npz): to out/a_enhanced.h5" in said
    assert len(sentences) == 1 and "e.npz: found an empty file" in sentences[0]
    assert not (tmp_path / "out").exists()


def test_quiet_says_only_what_went_wrong(scans, weights, capsys):
    status, said, sentences = ended(capsys, scans, "--output-dir=out", "--no-page", weights, "--quiet")
    assert status == 1 and not said and len(sentences) == 3
    main(["enhance", str(scans / "a.npz"), "--no-page", weights, "--quiet"])
    assert capsys.readouterr() == ("", "")


def test_pages_are_linked_and_several_processes_give_the_same(scans, weights, tmp_path):
    arguments = ["enhance", "scans", "--glob=[ab].npz", weights]
    main([*arguments, "--output-dir=one", "--no-page"])
    command = [sys.executable, "-m", "deeper_jax", *arguments, "--output-dir=two", "--jobs=2"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(ROOT))
    assert done.returncode == 0, done.stderr
    for name in "ab":
        one, two = (read_data_set(f"{folder}/{name}_enhanced.h5") for folder in ("one", "two"))
        assert one.identical(two)
    assert 'href="a_enhanced.html"' in (tmp_path / "two" / "summary.html").read_text()


@pytest.mark.slow
def test_thirty_files_in_less_than_half_the_time_of_thirty_calls(weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values, axis = spectra_of_bands(6, 6)
    sources = [f"scan_{number:02d}.npz" for number in range(30)]
    for name in sources:
        write_map(raman_map(values, axis, y=np.arange(6.0), x=np.arange(6.0)), name)
    for name in ("scan_07.npz", "scan_19.npz"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:500])
    command = [sys.executable, "-m", "deeper_jax", "enhance", "--no-page", weights]

    def timed(*arguments: str) -> tuple[float, subprocess.CompletedProcess]:
        begun = time.monotonic()
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, env=environment(ROOT))
        return time.monotonic() - begun, done

    together, done = timed(*sources, "--output-dir=out")
    assert done.returncode == 1 and len(list((tmp_path / "out").glob("*.h5"))) == 28
    assert len(done.stderr.splitlines()) == 3 and "2 of 30 files failed" in done.stderr
    alone = [timed(name)[0] for name in sources]
    print(f"one call {together:.1f} s, thirty calls {sum(alone):.1f} s")
    assert together < 0.5 * sum(alone)


def test_the_array_job_shares_a_list_and_resumes(scans, tmp_path):
    """Every file is some task's, none is two tasks'; names with spaces stay whole."""
    command = tmp_path / "deeper-jax"
    command.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    command.chmod(0o755)
    listed = [f"scan {number}.wdf" for number in range(7)]
    (tmp_path / "files.txt").write_text("\n".join([*listed[:3], "", *listed[3:], ""]))
    shared = []
    for task in range(3):
        numbers = {"SLURM_ARRAY_TASK_ID": str(5 + task), "SLURM_ARRAY_TASK_MIN": "5", "SLURM_ARRAY_TASK_COUNT": "3"}
        done = subprocess.run(
            ["bash", str(ROOT / "scripts" / "slurm_enhance.sh"), "files.txt", "out", "--no-page"],
            capture_output=True,
            text=True,
            env=environment(ROOT) | numbers | {"DEEPER_JAX": str(command)},
        )
        assert done.returncode == 0, done.stderr
        given, files = done.stdout.splitlines()[:6], done.stdout.splitlines()[6:]
        assert given == ["enhance", "--no-page", "--output-dir=out", "--resume", f"--summary=summary_{task}", "--"]
        shared += files
    assert sorted(shared) == listed
