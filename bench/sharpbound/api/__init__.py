"""The library for notebooks: what ``import sharpbound as sb`` offers."""
