"""Getting back what a store lost: from its own versions, or by saying what others should give."""
