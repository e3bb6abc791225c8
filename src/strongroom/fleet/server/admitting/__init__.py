"""Hosts beyond what a token lets in: each waits until an operator has said yes or no."""
