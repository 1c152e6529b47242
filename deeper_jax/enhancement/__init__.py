"""The numerics of enhancing a map: its noise, its components, its pixels, and what is left over."""
