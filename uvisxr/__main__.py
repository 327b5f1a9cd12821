"""`python -m uvisxr`: the command `uvisxr`."""

from .cli import main

main()
