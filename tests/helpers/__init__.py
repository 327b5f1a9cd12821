"""What tests share: datasets and files made by hand, kernels, servers on loopback."""
