"""A repository in an S3 bucket."""
