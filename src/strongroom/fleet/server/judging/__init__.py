"""How a watch stands: pure functions of facts and time, which console, alarms and simulation share."""
