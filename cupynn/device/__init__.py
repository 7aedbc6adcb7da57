"""Devices that run networks: the CPU or a GPU.

`device` moves arrays and trains, `diagnosis` explains why a GPU cannot be used, `memory` estimates free memory. Users pass
a device as a string, as in ``Sequential(..., device="cuda")``; import from the modules, as in ``cupynn.device.device``.
"""
