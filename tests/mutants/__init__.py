"""`make mutants`: which changes of the domain no case and no test notices (issue 5; README.md beside this)."""
