"""The kernels for CUDA devices, in Triton: images in float32, float16 or bfloat16, arithmetic in float32."""
