"""Train a network, from a clone: python train.py is deeper-jax train.

python train.py --config=FILE[:args] --workdir=DIR [--config.key=value]
"""

from deeper_jax.cli.main import run_script

if __name__ == "__main__":
    run_script("train")
