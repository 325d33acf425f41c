"""For samplers of other projects: how they call a model, and how that becomes a function that can be audited."""
