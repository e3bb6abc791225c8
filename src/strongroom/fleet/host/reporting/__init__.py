"""What a host says to its fleet: reports in a chain, kept until the server has them."""
