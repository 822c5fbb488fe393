"""The kernels on the CPU, compiled by Numba: raw functions without checks or autograd, float32 and float64."""
