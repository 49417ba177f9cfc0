"""Every key of every screen, a module a screen: bindings, footers, help and palette are made from these."""
