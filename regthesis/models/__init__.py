"""The networks of the thesis, one a file; they import torch and the kernels, nothing else."""
