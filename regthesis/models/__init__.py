"""The networks of the thesis, a file each; they import torch and the kernels, nothing else.

What training asks of a network: `loss(*batch) -> (loss, parts)`; `regularised()`, the weights that the L2 penalty acts
on; and `arguments`, by which it is built again. What a method asks of it: `shape` and `spacing` (mm), the grid that it
takes, and where it predicts a stationary velocity `steps`, the number of squarings of the exponential.
"""
