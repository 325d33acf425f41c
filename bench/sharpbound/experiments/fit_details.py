"""The numbers behind an estimated rate, as a case document carries them."""

from sharpbound.rates.details import rate_details

__all__ = ["rate_details"]
