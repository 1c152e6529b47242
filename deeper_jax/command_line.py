"""What the entry points share: quiet libraries, and mistakes of the user's as one sentence."""

import sys
from collections.abc import Callable

from absl import logging

from deeper_jax.errors import InputError


def run_quietly(name: str, work: Callable[[], None]) -> None:
    """Call `work`; an InputError is printed as `name: sentence`, without a traceback, and exits with 2."""
    # Orbax reports every file it touches at the level of information.
    logging.set_verbosity(logging.ERROR)
    try:
        work()
    except InputError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"{name}: stopped; the same command resumes from the latest checkpoint.", file=sys.stderr)
        sys.exit(130)
