"""Handing to the executor what is due, after a last look: by the clock, or by an operator's word."""
