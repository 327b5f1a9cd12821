"""`python -m uvisxr`: the command `uvisxr`."""

from .cli import main

if __name__ == "__main__":
    main()
