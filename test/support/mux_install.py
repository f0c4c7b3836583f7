"""A squire-mux of the build that every user can run."""

import glob
import os
import shutil

from channel import BUILD


def install_mux(folder):
    """Its path in folder, readable for all; from the build's libtool. One
    that is there, and may be running, is used again."""
    built = os.path.join(BUILD, "src", "squire-mux")
    hidden = os.path.join(BUILD, "src", ".libs", "squire-mux")
    target = os.path.join(folder, "squire-mux")
    if os.path.exists(target):
        return target
    shutil.copyfile(hidden if os.path.exists(hidden) else built, target)
    os.chmod(target, 0o755)
    for library in glob.glob(os.path.join(BUILD, "lib", ".libs",
                                          "libsquire.so.[0-9]*")):
        copy = os.path.join(folder, os.path.basename(library))
        shutil.copyfile(library, copy)
        os.chmod(copy, 0o644)
    os.environ["LD_LIBRARY_PATH"] = folder
    return target
