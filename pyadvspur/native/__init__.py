"""The border between Python and the compiled module.

`core` loads the module (no torch needed: theory uses it alone). `ops` registers kernels as torch operators. One
file per kernel family checks its arguments and calls them. Nothing else in the package touches the module.
"""
