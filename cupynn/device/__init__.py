"""Where networks run: the CPU or a GPU.

`device` moves arrays and trains, `diagnosis` says why a GPU cannot be used, `memory` how much is free. Users name a device
by a string, as in ``Sequential(..., device="cuda")``; import from the modules, as in ``cupynn.device.device``.
"""
