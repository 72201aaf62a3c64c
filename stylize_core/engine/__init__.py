"""The engine: images in and out, VGG-19, losses, objective, optimisers. Needs torch, numpy and Pillow."""
