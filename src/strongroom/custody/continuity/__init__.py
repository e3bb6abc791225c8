"""A state that is not rolled back unseen: what each round writes down beside the repository, and what is made of it."""
