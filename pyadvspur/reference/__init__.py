"""The slow twins: every kernel again in plain torch, short enough to check by eye.

Tests compare the kernels with these, and they serve CUDA tensors where the module was built without CUDA.
"""
