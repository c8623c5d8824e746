"""Dagger: the same Nox sessions, each in a container of its own.

`dagger run nox -s promote` is noticed by `engine.py`; `containers.py` says what runs in which container, and is the
only module that imports the SDK, which costs a second. Keys and credentials never enter a container.
"""
