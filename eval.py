"""Evaluate a trained network or repeat an experiment, from a clone: python eval.py is deeper-jax evaluate.

python eval.py --workdir=DIR [--data=PATH] --output=DIR
python eval.py --experiment=NAME --output=DIR
"""

from deeper_jax.cli.main import run_script

if __name__ == "__main__":
    run_script("evaluate")
