"""Small, slow twins of the kernel: each says what a function of the kernel must compute."""
