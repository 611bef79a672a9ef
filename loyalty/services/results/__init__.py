"""Results of promotions: what was committed and returned is counted, once each, by a task."""
