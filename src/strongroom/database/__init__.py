"""The one way to a database: SQLite on one machine, PostgreSQL for many; transactions, numbered migrations."""
