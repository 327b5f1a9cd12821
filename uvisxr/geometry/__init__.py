"""Where every pixel looks: kernels, fields of view, rays and the fields they meet."""
