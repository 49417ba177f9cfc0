"""The final table of a run: as data, as text, and the time left until it is there."""
