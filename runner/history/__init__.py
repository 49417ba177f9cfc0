"""The runs of this machine: reading and listing them, finding one, ending runs whose supervisor died."""
