"""Getting everything back without us: whom keys are sealed to, and the page to print."""
