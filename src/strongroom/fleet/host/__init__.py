"""What a host does around its backups: hooks, dumps of databases, schedules."""
