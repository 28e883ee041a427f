"""Turns a sound group file into a hostile one: hostile.py FILE CASE.  Run by hdf5_test.cpp with h5py.

The format is bounded to that of HDF5 1.10, the oldest library that has to read (and refuse) the result."""

import sys

import h5py
import numpy as np

path, case = sys.argv[1:]
victim = "candidates/label"
with h5py.File(path, "r+", libver=("v110", "v110")) as f:
    old = f[victim][:]
    sound = dict(chunks=(4,), maxshape=(None,), fletcher32=True)

    def replace(data=old, name=victim, **how):
        del f[name]
        f.create_dataset(name, data=data, **how)

    if case == "external_link":
        del f[victim]
        f[victim] = h5py.ExternalLink("/etc/passwd", "/x")
    elif case == "soft_link":
        del f[victim]
        f[victim] = h5py.SoftLink("/groups/record")
    elif case == "soft_group":
        f.move("candidates", "moved")
        f["candidates"] = h5py.SoftLink("/moved")
    elif case == "external_storage":
        del f[victim]
        f.create_dataset(victim, shape=old.shape, dtype="<i8", external=[("/etc/passwd", 0, old.nbytes)])
    elif case == "virtual":
        del f[victim]
        layout = h5py.VirtualLayout(shape=old.shape, dtype="<i8")
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=old.shape)
        f.create_virtual_dataset(victim, layout)
    elif case == "filter":
        replace(shuffle=True, **sound)
    elif case == "absurd":
        del f[victim]
        f.create_dataset(victim, shape=(2**60,), dtype="<i8", chunks=(4,), maxshape=(None,), fletcher32=True)
    elif case == "no_checksum":
        replace(chunks=(4,), maxshape=(None,))
    elif case == "type":
        replace(data=old.astype("<f8"), **sound)
    elif case == "rank":
        replace(data=old.reshape(1, -1), chunks=(1, 4), maxshape=(None, None), fletcher32=True)
    elif case == "missing":
        del f[victim]
    elif case == "extra":
        f.create_dataset("candidates/extra", data=old, **sound)
    elif case == "version":
        f.attrs["version"] = np.int64(2)
    elif case == "no_version":
        del f.attrs["version"]
    elif case == "index":
        replace(data=f["candidates/response"][:] + 10**6, name="candidates/response", **sound)
    elif case == "offsets":
        offsets = f["groups/candidates"][:]
        offsets[1], offsets[2] = offsets[2], offsets[1]
        replace(data=offsets, name="groups/candidates", **sound)
    elif case == "relation":
        replace(data=f["relations/i"][:] + 100, name="relations/i", **sound)
    elif case == "short":
        replace(data=old[:-1], **sound)
    elif case == "none":
        replace(**sound)
    else:
        sys.exit("unknown case")
