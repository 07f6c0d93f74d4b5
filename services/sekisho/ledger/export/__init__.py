"""The evidence bundle: all that an auditor needs to verify the ledger at home, with tools that are not ours."""
