"""A state in one sealed file: taken elsewhere, or kept in a bucket by a machine that lives for an hour."""
