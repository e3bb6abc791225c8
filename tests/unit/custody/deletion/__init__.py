"""Tests of deleting slowly, the judge's side."""
