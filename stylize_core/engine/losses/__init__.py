"""The terms of the objective, one file each; `TERM` in each file is the term.

Equation numbers are those of Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR
2016. Setting `form` says how the terms are normalised:

| form     | content C_l (eq. 1) | style E_l (eq. 4)                       | total variation              |
|----------|---------------------|-----------------------------------------|------------------------------|
| paper    | ½·Σ(F−P)²           | Σ(G/M_x − A/M_a)²/(4N²)                 | Σ(dx²+dy²), pixels in 0-255  |
| mean     | mean((F−P)²)        | mean((G/(N·M_x) − A/(N·M_a))²)          | mean(dx²) + mean(dy²)        |
| relative | Σ(F−P)²/ΣP²         | ‖G/M_x − A/M_a‖²/‖A/M_a‖²               | as `mean`                    |

Deviation: the paper divides by one M; dividing each Gram matrix by its own number of positions is the same at equal
sizes and lets the style keep its own size. `mean` does not depend on the size of the image; `relative` depends on
neither the size nor the scale of the network's layers, and so not on `feature_scale`.
"""

from importlib import import_module

from stylize_core.engine.losses.term import Term
from stylize_core.terms import TERMS as _NAMES

TERMS: dict[str, Term] = {name: import_module(f"{__name__}.{name}").TERM for name in _NAMES}
"""Every term by name, in the order of `terms.TERMS`."""
