"""Tollgate: build a release once, carry it through dev, staging and prod."""
