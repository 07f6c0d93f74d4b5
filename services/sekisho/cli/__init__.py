"""The command `sekisho`: what an operator, a developer or an auditor types (contract.md, Commands).

Importing this package loads click alone; each command's module is loaded when it is called, so that `sekisho --help`
answers at once.
"""

from __future__ import annotations


def main() -> None:
    """The entry point of the `sekisho` command. Always ends the process: 0 done, 1 found something wrong, 2 usage."""
    from sekisho.cli.app import root

    root.main()
