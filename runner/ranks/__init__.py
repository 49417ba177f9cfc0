"""The code inside the measured processes: the observer, and the decoder of the engine `torch`."""
