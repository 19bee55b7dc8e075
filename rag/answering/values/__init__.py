"""Numbers, units, quantities and times in sentences, in a form that can be compared."""
