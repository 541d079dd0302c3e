"""Fuzzing: inputs that nobody thought of, for whatever reads bytes that others have made.

A `Target` takes bytes and raises nothing, or shows a defect: what escapes is an exception that is not documented, an
``AssertionError`` of one of the target's own promises, a hang or a great deal of memory. Two things run targets:

- ``python -m tests.fuzz TARGET --seconds 60`` looks for new inputs, guided by the coverage they reach (atheris, which
  ``nox -s fuzz`` installs), and folds those that reach something new into the kept corpus;
- ``test_corpus.py`` runs the kept corpus, in ``corpus/TARGET/``, with every run of the suite.
"""
