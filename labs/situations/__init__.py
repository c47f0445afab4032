"""Every situation, by name: one file each, holding one `situation`."""

import importlib
import pkgutil

SITUATIONS = {found.name: found for found in (importlib.import_module(f"{__name__}.{module.name}").situation
                                              for module in pkgutil.iter_modules(__path__))}
