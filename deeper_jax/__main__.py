"""`python -m deeper_jax`: the `deeper-jax` command."""

from deeper_jax.cli.main import main

if __name__ == "__main__":
    main()
