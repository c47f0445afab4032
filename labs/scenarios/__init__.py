"""Every scenario, by name: one file each, holding one `scenario`."""

import importlib
import pkgutil

SCENARIOS = {found.name: found for found in (importlib.import_module(f"{__name__}.{module.name}").scenario
                                              for module in pkgutil.iter_modules(__path__))}
