"""``python -m dlcore``: the command line."""

from dlcore.cli import main

if __name__ == "__main__":
    main()
