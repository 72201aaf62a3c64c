"""Winograd's minimal filtering for 3 x 3 convolutions on CPUs without matrix units."""
