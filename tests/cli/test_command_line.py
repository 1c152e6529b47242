"""What the commands share: mistakes and settings."""

import re
import shlex

import pytest

from deeper_jax.cli.command_line import Parser, run_command, run_quietly
from deeper_jax.cli.configs import setting_lines
from deeper_jax.cli.main import COMMANDS, main
from deeper_jax.cli.memory import recommendation


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "deeper-jax: the following arguments are required: COMMAND"),
        (["nothing"], "invalid choice: 'nothing'"),
        (["--nothing", "enhance", "a.wdf"], "unexpected argument '--nothing'"),
        (["enhance"], "required: IN"),
        (["enhance", "a.wdf", "b.wdf"], "b.wdf: found a second file; for many files give --output-dir"),
        (["enhance", "."], "deeper-jax: .: found a folder"),
        (["enhance", "a.wdf", "--noise=much"], "argument --noise: invalid float value: 'much'"),
        (["enhance", "a.wdf", "--config.seed=1"], "unexpected argument '--config.seed=1'"),
        (["train", "--config=tiny"], "required: --workdir"),
        (["train", "--config=tiny", "--workdir=w", "stray"], "unexpected argument 'stray'"),
        (["train", "--config=tiny", "--workdir=w", "--config.seed"], "--config.seed has no value"),
        (["train", "--config=tiny", "--workdir=w", "--speed=2"], "unexpected argument '--speed=2'"),
        (["train", "--config=tiny", "--workdir=w", "--config.data.pth=x"], "no setting 'pth'"),
        (["train", "--config=denoising:depth=3", "--workdir=w"], "unknown config argument 'depth'"),
        (["train", "--config=nowhere.py", "--workdir=w"], "nowhere.py: there is no such config file"),
        (["train", "--config=nowhere.py", "--workdir=w", "--distributed=auto"], "no such config file"),
        (["evaluate", "--output=out"], "one of the arguments --workdir --experiment is required"),
        (["evaluate", "--workdir=a", "--experiment=all", "--output=out"], "not allowed with"),
        (["evaluate", "--workdir=a", "--output=out", "--image-shape=8x8"], "give two numbers, H,W"),
        (["evaluate", "--workdir=a", "--output=out", "--config.seed=1"], "settings are of an experiment"),
        (["memory", "tiny", "--batch-sizes=0"], "give whole numbers"),
        (["memory", "experiments"], "has no task"),
        (["memory", "tiny", "--device-memory=-1"], "--device-memory is -1"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(arguments, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    printed = capsys.readouterr()
    assert ended.value.code == 2
    assert sentence in printed.err and printed.err.count("\n") == 1 and not printed.out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0 and f"usage: deeper-jax {command}" in printed


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_examples_that_the_parser_takes(command):
    parser = Parser(prog="deeper-jax")
    parts = parser.add_subparsers(dest="command", required=True)
    parsers = {name: parts.add_parser(name) for name in COMMANDS}
    for name, (module, _) in COMMANDS.items():
        module.add_arguments(parsers[name])
    lines = re.findall(r"deeper-jax (.*?)(?=[;.](?: |$)|$)", parsers[command].epilog)
    assert any(line.split()[0] == command for line in lines)
    for line in lines:
        _, rest = parser.parse_known_args(shlex.split(line))
        assert all(word.startswith("--config.") for word in rest), line


def test_settings_are_collected_with_and_without_an_equals_sign():
    found = []
    parser = Parser(prog="train.py")
    parser.add_argument("--config")
    parser.set_defaults(takes_settings=True, run=found.append)
    line = ["--config.a.b=1", "--config", "tiny", "--config.c", "x y", "--config.d=-1"]
    run_command(parser, line, "train.py")
    (options,) = found
    assert options.config == "tiny" and options.settings == ["--config.a.b=1", "--config.c=x y", "--config.d=-1"]
    assert options.command_line == "python train.py --config.a.b=1 --config tiny --config.c 'x y' --config.d=-1"


def test_a_library_of_an_extra_that_is_missing_is_named_and_others_are_defects(capsys):
    def work(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    with pytest.raises(SystemExit) as ended:
        run_quietly("deeper-jax", lambda: work("tensorflow.io"))
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("tensorflow, which is not installed: pip install 'deeper-jax[train]'.\n")
    with pytest.raises(ModuleNotFoundError):
        run_quietly("deeper-jax", lambda: work("nothing_of_ours"))


def test_an_interruption_is_a_sentence_and_status_130(capsys):
    def work():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        run_quietly("deeper-jax", work, stopped="stopped; again.")
    assert ended.value.code == 130 and capsys.readouterr().err == "deeper-jax: stopped; again.\n"


def test_settings_are_shown_as_the_command_line_takes_them():
    settings = {"seed": 0, "train": {"steps": 4, "epochs": 0}, "data": {"simulate": {}}}
    lines = ["--config.seed=0", "--config.train.steps=4", "--config.train.epochs=0", "--config.data.simulate={}"]
    assert setting_lines(settings) == lines


@pytest.mark.parametrize(
    ("memory", "words"),
    [
        (200, "--config.train.batch_size=4 --config.model.remat=none"),
        (100, "--config.train.batch_size=4 --config.model.remat=both"),
        (70, "--config.train.batch_size=2 --config.model.remat=none"),
        (60, "--config.train.batch_size=2 --config.model.remat=both"),
        (20, "None fits"),
    ],
)
def test_the_largest_batch_that_fits_is_recommended(memory, words):
    needs = {("none", 2): 60, ("none", 4): 120, ("both", 2): 30, ("both", 4): 80}
    assert words in recommendation(needs, memory)
    assert recommendation({(None, 2): 60}, 100).endswith("--config.train.batch_size=2.")


def test_a_batch_larger_than_those_tried_is_told():
    words = recommendation({("none", 2): 120, ("none", 4): 140, ("both", 2): 30, ("both", 4): 50}, 1000)
    # 0.9 * 1000 = 140 + 10 * (80 - 4)
    assert words.endswith("batch_size=4 --config.model.remat=none. By these figures up to about 80 would fit.")
    assert "By these" not in recommendation({(None, 2): 30, (None, 4): 110}, 100)
