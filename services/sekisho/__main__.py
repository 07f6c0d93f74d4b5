"""`python -m sekisho`: the same command as `sekisho`, with the Python that runs now."""

from sekisho.cli import main

if __name__ == "__main__":
    main()
