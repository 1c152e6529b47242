"""`deeper-jax enhance` on what is no file, on axes and lasers that are given, and on wrong ones: one true sentence."""

import os
import re
import socket

import numpy as np
import pytest
from tiny_models import spectra_of_bands

from deeper_jax.cli.main import main
from deeper_jax.maps import read_data_set

VALUES, AXIS = spectra_of_bands(3)
LASER = 532.0


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder to work in, with spectra over wavelengths and a list of wavenumbers."""
    monkeypatch.chdir(tmp_path)
    np.savez("nm.npz", spectra=VALUES, wavelengths=1 / (1 / LASER - AXIS * 1e-7))
    np.savetxt("axis.list", AXIS)
    np.savetxt("short.list", AXIS[:-3])
    return tmp_path


def refused(capsys, *arguments) -> str:
    """What the command says, having changed nothing."""
    before = sorted(os.listdir())
    with pytest.raises(SystemExit) as caught:
        main(["enhance", *arguments])
    assert caught.value.code == 2 and sorted(os.listdir()) == before
    *progress, error = capsys.readouterr().err.splitlines()
    assert all(line.endswith(" ...") for line in progress) and error.startswith("deeper-jax")
    return error


@pytest.mark.parametrize("given", [f"--laser={LASER}", "--wavenumbers=axis.list"])
def test_a_laser_or_an_axis_makes_wavelengths_shifts(given, weights):
    main(["enhance", "nm.npz", "-o", "out.h5", "--no-page", weights, given])
    found = read_data_set("out.h5")
    np.testing.assert_allclose(found.wavenumber, AXIS, atol=1e-6)
    assert found["intensity"].shape == VALUES.shape


def test_an_axis_for_a_file_without_one(weights):
    np.save("bare.npy", VALUES)
    main(["enhance", "bare.npy", "-o", "out.h5", "--no-page", weights, "--wavenumbers=axis.list"])
    np.testing.assert_allclose(read_data_set("out.h5").wavenumber, AXIS, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "found wavelengths as axis.*--laser NM"),
        (["--laser=-532"], "laser: found -532, expected the laser's wavelength in nm"),
        (["--laser=0"], "laser: found 0, expected"),
        (["--laser=nan"], "laser: found nan, expected"),
        (["--laser=5320"], "laser: found 5320, expected"),
        (["--laser=green"], "argument --laser: invalid float value: 'green'"),
        (["--wavenumbers=none.list"], "none.list: no such file; expected a list of wavenumbers"),
        (["--wavenumbers=short.list"], "spectra of [0-9]+ channels, as many as wavenumbers"),
        (["--wavenumbers=."], r"\.: found a folder, expected a list of wavenumbers"),
        (["--wavenumbers=words.list"], "words.list: found text that is no number"),
        (["--wavenumbers=bytes.list"], "bytes.list: found text that is no number"),
        (["--wavenumbers=empty.list"], "empty.list: found no number, expected one wavenumber"),
        (["--wavenumbers=turns.list"], "wavenumber .* 2 times"),
        (["--wavenumbers=pipe"], "pipe: found a named pipe, expected a list"),
    ],
)
@pytest.mark.timeout(60)
def test_wrong_lasers_and_axes(given, sentence, capsys):
    np.savetxt("turns.list", np.append(AXIS[:-1], AXIS[0]))
    for name, content in {"words": b"four hundred", "bytes": bytes(range(256)), "empty": b""}.items():
        with open(f"{name}.list", "wb") as file:
            file.write(content)
    os.mkfifo("pipe")
    assert re.search(sentence, refused(capsys, "nm.npz", *given))


def a_folder():
    os.mkdir("scan.txt")


def nothing():
    pass


def link():
    os.symlink("gone.wdf", "scan.txt")


def circle():
    os.symlink("scan.txt", "scan.txt")


def pipe():
    os.mkfifo("scan.txt")


def a_socket():
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("scan.txt")


def device():
    os.symlink("/dev/zero", "scan.txt")


def empty():
    open("scan.txt", "w").close()


def blank():
    with open("scan.txt", "w") as file:
        file.write("\n \n\n")


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("make", "found"),
    [
        (nothing, "no such file"),
        (a_folder, "found a folder"),
        (link, "found a link that leads nowhere"),
        (circle, "found a link that leads nowhere"),
        (pipe, "found a named pipe"),
        (a_socket, "found a socket"),
        (device, "found a device"),
        (empty, "found an empty file"),
        (blank, "found no table of numbers"),
    ],
)
def test_what_is_no_file_of_spectra(make, found, capsys):
    make()
    assert f"deeper-jax: scan.txt: {found}" in refused(capsys, "scan.txt")


@pytest.mark.parametrize("place", [".", "..", "/", ""])
def test_folders(place, capsys):
    assert ": found a folder, expected a file of Raman spectra; give the file inside it." in refused(capsys, place)


def test_what_may_not_be_read(monkeypatch, capsys):
    os.chmod("nm.npz", 0)
    if os.access("nm.npz", os.R_OK):  # as root may
        monkeypatch.setattr(os, "access", lambda *_: False)
    assert "nm.npz: may not be read; change its permissions." in refused(capsys, "nm.npz")


@pytest.mark.parametrize("name", ["scan", "scan.", ".scan", "scan.of.today", "scan µm.csv", "-scan.csv"])
def test_names_without_a_usual_suffix(name, weights):
    np.savetxt(name, np.c_[AXIS, VALUES[0]], delimiter="," if name.endswith("csv") else "\t")
    main(["enhance", f"./{name}", "-o", "out.h5", "--no-page", weights])
    np.testing.assert_allclose(read_data_set("out.h5").wavenumber, AXIS)
