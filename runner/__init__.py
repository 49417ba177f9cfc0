"""Everything that works without a terminal: profiles, runs and their measurements, reports."""

VERSION = "0.1.0"
