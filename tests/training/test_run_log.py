"""What a run shows while it trains."""

import time

from deeper_jax.training.run_log import RunLog


def test_the_estimate_of_time_leaves_the_compilation_out(tmp_path):
    log = RunLog(tmp_path, 4, 24, 1)
    time.sleep(0.5)  # compiling
    log.advance()
    assert log._bar.n == 5 and log._bar.format_dict["elapsed"] < 0.3
    for _ in range(3):
        time.sleep(0.02)
        log.advance()
    shown = log._bar.format_dict
    assert shown["n"] == 8 and 0.02 < shown["elapsed"] / (shown["n"] - shown["initial"]) < 0.12
    log.close()
