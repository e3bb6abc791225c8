"""The tables of the server's database, a file for each part that owns some, and the numbered steps to them."""
