"""The nodes of a run on several machines: an agent on each, and the supervisor's link to them."""
