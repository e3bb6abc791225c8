"""What the fleet's server does in which time: reports a second, watches judged, an alarm for a late backup."""
