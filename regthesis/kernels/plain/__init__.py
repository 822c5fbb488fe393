"""The kernels in plain torch, differentiated by autograd: what the fused ones are tested against, on any device."""
