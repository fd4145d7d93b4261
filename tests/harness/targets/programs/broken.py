"""Cannot be imported at all."""

raise RuntimeError("this module is broken")
