"""Where finished exchanges live, behind one interface."""
