"""Hands answers on to other libraries in the shapes that they expect; each room names the extra that it needs."""
