"""A repository in Google Cloud Storage or Azure, through obstore."""
