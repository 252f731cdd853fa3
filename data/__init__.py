"""Assets shipped with the package: the embedded base `pocket` and the scripts that made them."""
