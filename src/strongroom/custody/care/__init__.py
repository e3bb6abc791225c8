"""What an operator does with repositories in care as a whole: let go, seal anew, read again, audit."""
