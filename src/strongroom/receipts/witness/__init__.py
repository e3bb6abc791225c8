"""Who countersigns a log's heads: its rules, its server, and asking one."""
